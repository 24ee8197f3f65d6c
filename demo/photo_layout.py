"""The pieces of the Photo tab that are laid out by themselves: how the answer is shown, and what can be downloaded."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from demo.inputs import photo_input
from demo.photo_handlers import PhotoHandlers
from demo.views import ALONE, VIEWS
from engine.annotations import EXPORTS
from engine.effects import DEFAULT_EFFECT_OPTIONS

# The views that an option is for.
USES = {"color": ("cutout",), "background": ("replace",), "blur": ("blur",)}
MAX_BLUR = 6  # percent of the longer side; more looks no different
# What is written when it is asked for is downloaded by pressing a button out of sight.
PRESS = "() => new Promise(done => setTimeout(done, 150)).then(() => document.querySelector('#prepared').click())"


@dataclass(frozen=True)
class StyleInputs:
    """The view and its options, one of which is seen at a time."""

    view: gr.Radio
    color: gr.ColorPicker
    background: gr.Image
    blur: gr.Slider

    @property
    def all(self) -> list[gr.components.Component]:
        """In the order of `demo.photo_handlers.Style`."""
        return [self.view, self.color, self.background, self.blur]

    @property
    def changes(self) -> list:
        """The events after which the picture is another."""
        return [self.view.change, self.color.change, self.background.change, self.blur.change]

    @classmethod
    def build(cls) -> "StyleInputs":
        """Lays them out."""
        view = gr.Radio(
            [(label, name) for name, label in VIEWS.items()], value=ALONE, label="Show it as", elem_id="effect",
        )  # fmt: skip
        color = gr.ColorPicker(
            DEFAULT_EFFECT_OPTIONS.color, label="Colour of the background", elem_id="effect-color", visible=False
        )
        background = photo_input(
            label="Picture behind the pet", sources=["upload", "clipboard"], height=180, visible=False,
            elem_id="effect-background", placeholder="Drop a picture for the background here\nor click to choose one",
        )  # fmt: skip
        blur = gr.Slider(
            0.2, MAX_BLUR, DEFAULT_EFFECT_OPTIONS.blur * 100, step=0.2, label="Blur, % of the longer side",
            elem_id="effect-blur", visible=False,
        )  # fmt: skip
        return cls(view, color, background, blur)


def show_options(view: str) -> list[dict]:
    """Which option is seen with a view; and the files: what is shown is the first to take."""
    is_alone = view == ALONE
    files = [
        gr.update(variant="primary" if is_alone else "secondary"),
        gr.update(visible=not is_alone, variant="secondary" if is_alone else "primary"),
    ]
    return [gr.update(visible=view in views) for views in USES.values()] + files


@dataclass(frozen=True)
class Downloads:
    """The buttons, each of which writes its file when it is pressed."""

    cutout: gr.Button
    shown: gr.Button
    mask: gr.Button
    exports: dict[str, gr.Button]
    figures: gr.Button
    prepared: gr.DownloadButton

    @property
    def of_a_pet(self) -> list[gr.Button]:
        """Those that need a pet."""
        return [self.cutout, self.shown, self.mask, *self.exports.values()]

    @classmethod
    def build(cls, cutout: gr.Button, shown: gr.Button) -> "Downloads":
        """Lays the others out."""
        with gr.Row(elem_classes="downloads"):
            mask = gr.Button("Mask (PNG)", elem_id="mask", size="sm", min_width=100)
            exports = {
                name: gr.Button(each.label, elem_id=f"export-{name}", size="sm", min_width=100)
                for name, each in EXPORTS.items()
            }
            figures = gr.Button("Figures (JSON)", elem_id="figures", size="sm", min_width=100)
        prepared = gr.DownloadButton(visible="hidden", elem_id="prepared")
        return cls(cutout, shown, mask, exports, figures, prepared)

    def connect(
        self,
        handlers: PhotoHandlers,
        photo: Sequence[gr.components.Component],
        style: Sequence[gr.components.Component],
        numbers: gr.JSON,
    ) -> None:
        """Writes a file when its button is pressed, and hands it over.

        Args:
            handlers: write the files.
            photo: the photo that is shown, whose answer is used, what was touched up by hand.
            style: the inputs of `demo.photo_handlers.Style`.
            numbers: all figures.
        """
        current, backend, strokes = photo

        def path_of(shown: dict | None) -> str | None:
            return None if shown is None else shown["photo"]

        def write_cutout(shown: dict | None, backend: str, strokes: str | None) -> str:
            return handlers.cut_out(path_of(shown), backend, strokes)

        def write_mask(shown: dict | None, backend: str, strokes: str | None) -> str:
            return handlers.mask(path_of(shown), backend, strokes)

        def write_picture(shown: dict | None, backend: str, *rest: Any) -> str:
            return handlers.effect_file(path_of(shown), backend, *rest)

        def write_figures(shown: dict | None, numbers: dict | None) -> str:
            return handlers.figures(path_of(shown), numbers)

        def export(name: str) -> Callable[..., str]:
            return lambda shown, backend, strokes: handlers.export(path_of(shown), backend, name, strokes)

        written: list[tuple[gr.Button, Callable[..., str], list]] = [
            (self.cutout, write_cutout, [*photo]),
            (self.mask, write_mask, [*photo]),
            (self.shown, write_picture, [current, backend, *style, strokes]),
            (self.figures, write_figures, [current, numbers]),
            *((button, export(name), [*photo]) for name, button in self.exports.items()),
        ]
        for button, write, inputs in written:
            button.click(
                write, inputs, [self.prepared], api_visibility="private", show_progress="minimal",
                show_progress_on=[button], concurrency_limit=2, concurrency_id="files",
            ).success(None, js=PRESS, api_visibility="private")  # fmt: skip


def first_downloads() -> tuple[gr.Button, gr.Button]:
    """The cut-out, and the picture as it is shown where that is another."""
    return (
        gr.Button("Download the cut-out (PNG)", elem_id="cutout", variant="primary", size="md", min_width=140),
        gr.Button("Download this picture (PNG)", elem_id="effect-file", size="md", min_width=140, visible=False),
    )
