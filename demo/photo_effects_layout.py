"""Lays out what a photo is good for, and connects it: effects, downloads, each pet apart."""

from typing import Any

import gradio as gr
from gradio.events import Dependency

from demo.inputs import photo_input
from demo.lanes import Lanes
from demo.photo_effects import FIRST, EffectHandlers
from engine.annotations import EXPORTS
from engine.effects import DEFAULT_EFFECT_OPTIONS, EFFECTS

# The effects that an option is for.
USES = {"color": ("cutout", "sticker"), "background": ("replace",), "blur": ("blur",)}
MAX_BLUR = 6  # percent of the longer side; more looks no different
# What is written when it is asked for is downloaded by pressing a button out of sight.
PRESS = "() => new Promise(done => setTimeout(done, 150)).then(() => document.querySelector('#prepared').click())"
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}


class PhotoEffects:
    """The section under a comparison.

    Args:
        lanes: the backends of the page.
    """

    def __init__(self, lanes: Lanes) -> None:
        self._handlers = EffectHandlers(lanes)

    def build(self, picture: gr.Image, backend: gr.Dropdown) -> None:
        """Lays it out inside the current column.

        Args:
            picture: the photo.
            backend: whose answer is used.
        """
        self._photo = [picture, backend]
        gr.HTML("<h3>Use it</h3>", elem_classes="use-it", padding=False)
        effect, color, background, blur = self._choose()
        options = [color, background, blur]
        self._choices = [*self._photo, effect, *options]
        self._note = gr.HTML(elem_id="effect-note", padding=False)
        self._shown = gr.Image(
            label="With this effect", format="png", interactive=False, elem_id="effect-shown", buttons=["fullscreen"],
            visible=False,
        )  # fmt: skip
        with gr.Column(elem_classes="downloads") as self._downloads:
            self._build_downloads()
        self._pets = gr.Gallery(
            label="Each pet apart", format="png", columns=3, height="auto", object_fit="contain", interactive=False,
            visible=False, elem_id="pets", buttons=["download", "fullscreen"],
        )  # fmt: skip
        effect.change(show_options, [effect], options, queue=False, **QUIET)
        self._connect(effect, color, background, blur)

    def _choose(self) -> tuple[gr.Radio, gr.ColorPicker, gr.Image, gr.Slider]:
        """The effect, and its options in the order in which the handlers take them; one is seen at a time."""
        effect = gr.Radio(
            [(each.label, name) for name, each in EFFECTS.items()], value=FIRST, show_label=False, container=False,
            elem_id="effect",
        )  # fmt: skip
        color = gr.ColorPicker(
            DEFAULT_EFFECT_OPTIONS.color, label="Colour of the background", elem_id="effect-color", visible=False
        )
        background = photo_input(
            label="Picture behind the pet", sources=["upload", "clipboard"], height=180, visible=False,
            elem_id="effect-background", placeholder="Drop a picture for the background here\nor click to choose one",
        )  # fmt: skip
        blur = gr.Slider(
            0.2,
            MAX_BLUR,
            DEFAULT_EFFECT_OPTIONS.blur * 100,
            step=0.2,
            label="Blur, % of the longer side",
            elem_id="effect-blur",
        )
        return effect, color, background, blur

    def _build_downloads(self) -> None:
        with gr.Row():
            self.cutout = gr.DownloadButton(
                "Cut-out (PNG)", elem_id="cutout", variant="primary", size="md", min_width=150
            )
            self._file = gr.Button("This picture (PNG)", elem_id="effect-file", size="md", min_width=150)
            self._sticker = gr.Button("Sticker (PNG)", elem_id="sticker", size="md", min_width=150)
        with gr.Row():
            self.mask = gr.DownloadButton("Mask (PNG)", elem_id="mask", size="sm", min_width=105)
            self._exports = [
                gr.DownloadButton(each.label, elem_id=f"export-{name}", size="sm", min_width=105)
                for name, each in EXPORTS.items()
            ]
            self.figures = gr.DownloadButton("Figures (JSON)", elem_id="figures", size="sm", min_width=105)
        self._prepared = gr.DownloadButton(visible="hidden", elem_id="prepared")

    def _connect(self, effect: gr.Radio, color: gr.ColorPicker, background: gr.Image, blur: gr.Slider) -> None:
        one_at_a_time: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "cpu"}
        gr.on(
            [effect.change, color.change, background.change, blur.release],
            self._handlers.effect,
            self._choices,
            [self._shown, self._note],
            api_name="effect",
            trigger_mode="always_last",
            show_progress_on=[self._shown, self._note],
            **one_at_a_time,
        )
        for button, handler, inputs in (
            (self._file, self._handlers.effect_file, self._choices),
            (self._sticker, self._handlers.sticker, self._photo),
        ):
            button.click(
                handler, inputs, [self._prepared], api_name=handler.__name__, show_progress_on=[button], **one_at_a_time
            ).success(None, js=PRESS, api_visibility="private")
        with gr.Column(visible=False):
            for name, work, outputs in (
                ("export", self._handlers.export, self._exports),
                ("pets", self._handlers.pets, [self._pets]),
            ):
                gr.Button().click(work, self._photo, outputs, api_name=name, **one_at_a_time)

    def follow(self, compared: Dependency) -> None:
        """Shows all of it anew after a comparison, which need not wait for it.

        Args:
            compared: what writes `cutout`, `mask` and `figures`.
        """
        settings: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "cpu", **QUIET}
        needing = [self.cutout, self._file, self._sticker, *self._exports]
        compared.success(self._offer, [self.cutout], needing, queue=False, **QUIET)
        shown = compared.success(self._handlers.effect, self._choices, [self._shown, self._note], **settings)
        written = shown.then(self._handlers.export, self._photo, self._exports, **settings)
        written.then(self._show_pets, self._photo, [self._pets], **settings)

    def _offer(self, cutout: str | None) -> list[dict]:
        """What needs a pet can be pressed where there is one."""
        return [gr.update(interactive=cutout is not None)] * (3 + len(self._exports))

    def _show_pets(self, photo: str | None, backend: str) -> dict:
        found = self._handlers.pets(photo, backend)
        return gr.update(value=found, visible=len(found) > 1)


def show_options(effect: str) -> list[dict]:
    """Which option is seen with an effect."""
    return [gr.update(visible=effect in effects) for effects in USES.values()]
