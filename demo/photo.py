"""The Photo tab: a picture in, its pet out at once; then whether two backends agree, then how fast they are."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from demo import many, markup
from demo.charts import latency_chart
from demo.inputs import photo_input
from demo.lanes import Lanes
from demo.looks import label
from demo.photo_code import CODE
from demo.photo_handlers import PhotoHandlers, Style, usual_lanes
from demo.photo_layout import Downloads, StyleInputs, first_downloads, show_options
from demo.photo_programs import serve
from demo.touch_up import TouchUp
from demo.views import VIEWS
from engine.errors import EngineError, InputError
from engine.segmenter import FOUND

FOLDER = Path(__file__).parent
EXAMPLES = [
    FOLDER / "examples" / f"{name}.jpg" for name in ("cat", "black-cat", "dog", "dog-room", "cat-and-dog", "coffee")
]
SILENT: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
# What follows an answer begins for each photo, also while the same is still done for the one before, which then stops.
FOLLOWS: dict[str, Any] = {"trigger_mode": "multiple", **SILENT}
OPEN_TOUCH_UP = """() => {
  const fold = [...document.querySelectorAll("#touch-up > button, #touch-up button.label-wrap")][0];
  if (fold && !fold.classList.contains("open")) fold.click();
  document.querySelector("#touch-up")?.scrollIntoView();
}"""
SHOW_ANSWER = "() => document.querySelector('#answer').scrollIntoView()"
UNDIM = "() => window.whiskerUndim?.()"  # photo.js; an answer that looks like the one before changes nothing else
Current = dict[str, Any] | None
"""The photo that is shown: its path under "photo", and the number that `PhotoHandlers.begin` gave it."""


class PhotoTab:
    """Lays the tab out inside the current `gr.Blocks` and connects it.

    Args:
        lanes: the backends of the page.
    """

    def __init__(self, lanes: Lanes) -> None:
        self.lanes = lanes
        self.handlers = PhotoHandlers(lanes)
        self.current, self.anyway, self.touch_up = gr.State(None), gr.State(False), TouchUp()
        self.strokes = self.touch_up.strokes
        choices = [(label(name), name) for name in lanes.names]
        left, right = usual_lanes(lanes)
        self.left = gr.Dropdown(choices, value=left, label="Left", min_width=160, elem_id="left", render=False)
        self.right = gr.Dropdown(choices, value=right, label="Right", min_width=160, elem_id="right", render=False)
        with gr.Row(elem_classes="photo"):
            with gr.Column(scale=2, min_width=300, elem_classes="photo-input"):
                self._build_input()
            with gr.Column(scale=3, min_width=320, elem_id="answer"):
                self._build_answer()
        self.many = many.build(lanes, self.right)
        with gr.Column(visible=False, elem_id="more") as self.more:
            self._build_more()
        with gr.Accordion("The same from code", open=False):
            self.code = gr.Markdown(CODE, elem_id="code")
        gr.HTML("", js_on_load=(FOLDER / "photo.js").read_text(), elem_id="photo-script", padding=False)
        self._connect()
        serve(self.handlers)

    def _build_input(self) -> None:
        self.picture = photo_input(
            label="Photo",
            sources=["upload", "clipboard", "webcam"],
            webcam_options=gr.WebcamOptions(mirror=False),
            height=340,
            elem_id="photo",
            placeholder="Drop a photo of a cat or a dog here, or several\nor click to choose",
        )
        gr.Examples(
            [[str(path)] for path in EXAMPLES],
            inputs=[self.picture],
            label="Examples",
            elem_id="examples",
            api_visibility="private",
        )

    def _build_answer(self) -> None:
        self.empty = gr.HTML(markup.EMPTY, padding=False)
        self.verdict = gr.HTML(elem_id="verdict", padding=False)
        self.use_anyway = gr.Button("Use it anyway", elem_id="anyway", size="md", visible=False, scale=0)
        self.result = gr.HTML(elem_id="result", padding=False)
        with gr.Column(visible=False, elem_id="tools") as self.tools:
            with gr.Row(elem_classes="downloads"):
                cutout, shown = first_downloads()
            self.speed = gr.HTML(elem_id="speed", padding=False)
            with gr.Row(elem_classes="after-speed"):
                self.again = gr.Button("Time it again, longer", elem_id="again", size="sm", min_width=150, scale=0)
                self.fix = gr.Button("Fix the edge by hand", elem_id="fix-edge", size="sm", min_width=150, scale=0)
            self.style = StyleInputs.build()
            self.note = gr.HTML(elem_id="effect-note", padding=False)
            self.downloads = Downloads.build(cutout, shown)

    def _build_more(self) -> None:
        gr.HTML("<h2>Two runtimes on the same photo</h2>", padding=False)
        with gr.Row(elem_classes="lanes"):
            self.left.render()
            self.right.render()
        with gr.Row(elem_classes="side-by-side"):
            with gr.Column(scale=3, min_width=300):
                self.slider = gr.HTML(elem_id="slider", padding=False)
            with gr.Column(scale=2, min_width=260):
                self.difference = gr.HTML(elem_id="difference", padding=False)
                self.chart = gr.Plot(label="Latency, median of warm rounds", elem_id="chart")
        self.pets = gr.Gallery(
            label="Each pet apart", format="png", columns=3, height="auto", object_fit="contain", interactive=False,
            visible=False, elem_id="pets", buttons=["download", "fullscreen"],
        )  # fmt: skip
        with gr.Accordion("Touch up by hand", open=False, elem_id="touch-up") as self.touching:
            self.touch_up.build(self.picture, self.touching, self.handlers.outlined)
        with gr.Accordion("Areas and confidence", open=False):
            self.areas = gr.HTML(elem_id="areas")
        with gr.Accordion("All figures", open=False):
            self.numbers = gr.JSON(show_label=False, elem_id="numbers")

    # --- What happens when ---

    def _connect(self) -> None:
        shown = [self.verdict, self.use_anyway, self.result, self.tools, self.more, self.empty]
        shown += self.downloads.of_a_pet
        settings = [self.right, *self.style.all]
        answer: dict[str, Any] = {"concurrency_limit": 3, "concurrency_id": "answer", **SILENT}
        # Not `input`: Gradio says that of a dropdown which the Tab key leaves, too.
        answered = gr.on(
            [self.picture.change, self.right.change],
            self._answer,
            [self.picture, *settings],
            [self.current, self.anyway, self.strokes, self.touching, *shown, self.speed, self.pets],
            trigger_mode="always_last",
            **answer,
        )
        answered.then(None, js=UNDIM, trigger_mode="multiple", api_visibility="private")
        self._follow(answered)
        self._follow(self.left.change(self._left_changed, [self.current], [self.current], queue=False, **FOLLOWS))
        self.again.click(
            self._time_longer, [self.current, self.left, self.right],
            [self.speed, self.chart, self.numbers], concurrency_limit=2, concurrency_id="time", **SILENT,
        )  # fmt: skip
        self.style.view.change(
            show_options, [self.style.view],
            [*self.style.all[1:], self.downloads.cutout, self.downloads.shown], queue=False, **SILENT,
        )  # fmt: skip
        redraw = [self.current, *settings, self.anyway, self.strokes]
        gr.on(
            self.style.changes,
            self._redraw,
            redraw,
            [self.result, self.note],
            trigger_mode="always_last",
            **answer,
        )
        self.use_anyway.click(
            self._use_anyway, redraw, [self.anyway, self.use_anyway, self.result, *self.downloads.of_a_pet], **answer
        )
        self.strokes.change(
            self._touched, [self.left, *redraw],
            [self.verdict, self.use_anyway, self.result, self.pets, self.areas, *self.downloads.of_a_pet, self.note],
            **answer,
        )  # fmt: skip
        self.strokes.change(None, js=SHOW_ANSWER, api_visibility="private")
        self.fix.click(None, js=OPEN_TOUCH_UP, api_visibility="private")
        self.downloads.connect(self.handlers, [self.current, self.right, self.strokes], self.style.all, self.numbers)

    def _follow(self, answered: gr.events.Dependency) -> None:
        """What comes after an answer, each on screen before the next begins: agreement, times, each pet apart."""
        lanes = [self.current, self.left, self.right]
        compared = answered.success(
            self._compare, lanes, [self.slider, self.difference, self.areas, self.numbers],
            concurrency_limit=2, concurrency_id="compare", **FOLLOWS,
        )  # fmt: skip
        timed = compared.then(
            self._time, lanes, [self.speed, self.chart, self.numbers],
            concurrency_limit=4, concurrency_id="time", **FOLLOWS,
        )  # fmt: skip
        timed.then(
            self._pets, [self.current, self.right, self.strokes], [self.pets],
            concurrency_limit=1, concurrency_id="pets", **FOLLOWS,
        )  # fmt: skip

    def _answer(self, request: gr.Request, photo: str | None, right: str, *style: Any) -> tuple:
        """The mask on screen, as soon as there is one; an answer that was overtaken by another changes nothing."""
        viewer = str(request.session_hash)
        number = self.handlers.begin(viewer)
        answer = self._answered(number, photo, right, *style)
        return answer if self.handlers.is_wanted(viewer, number) else (gr.skip(),) * len(answer)

    def _answered(self, number: int, photo: str | None, right: str, *style: Any) -> tuple:
        """The outputs of an answer."""
        nothing_yet = (None, False, None, gr.update(open=False))
        if photo is None:
            return *nothing_yet, *self._shown(None), "", gr.update(visible=False)
        try:
            seen, path = self.handlers.show(photo, right, Style(*style))
        except EngineError as error:
            is_photo_good = not isinstance(error, InputError)
            shown = self._shown(markup.trouble_html(str(error)), with_choice=is_photo_good)
            return *nothing_yet, *shown, "", gr.update(visible=False)
        segmentation = seen.segmentation
        return (
            {"photo": photo, "number": number},
            False,
            None,
            gr.update(open=False),
            markup.verdict_html(segmentation),
            gr.update(visible=segmentation.found != FOUND and bool(segmentation.pets)),
            markup.result_html(path, segmentation, VIEWS[style[0]], self.handlers.preview(photo)),
            gr.update(visible=True),
            gr.update(visible=True),
            gr.update(visible=False),
            *self._offer(seen.has_pet),
            markup.working_html("Asking the second runtime."),
            gr.update(visible=False),
        )

    def _shown(self, trouble: str | None, with_choice: bool = False) -> tuple:
        """The outputs that show an answer, where there is none; `with_choice`: another backend can be chosen."""
        hidden, more = gr.update(visible=False), gr.update(visible=with_choice)
        return (trouble or "", hidden, "", hidden, more, gr.update(visible=trouble is None), *self._offer(False))

    def _offer(self, is_offered: bool) -> list[dict]:
        """What needs a pet can be pressed where there is one."""
        return [gr.update(interactive=is_offered)] * len(self.downloads.of_a_pet)

    def _left_changed(self, request: gr.Request, current: Current) -> Current:
        """The same photo, but what was still done for it with the other backend is not wanted any more."""
        return current and {**current, "number": self.handlers.begin(str(request.session_hash))}

    def _redraw(
        self, current: Current, right: str, view: str, color: str, background: str | None, blur: float,
        anyway: bool, strokes: str | None,
    ) -> tuple:  # fmt: skip
        """The answer shown in another way."""
        if current is None:
            return gr.skip(), ""
        try:
            seen, path = self.handlers.show(
                current["photo"], right, Style(view, color, background, blur), anyway, strokes
            )
        except EngineError as error:
            return gr.skip(), markup.note_html(str(error))
        return markup.result_html(path, seen.segmentation, VIEWS[view]), ""

    def _use_anyway(self, current: Current, *settings: Any) -> tuple:
        """What is not sure is used like what is."""
        right, view, color, background, blur, _, strokes = settings
        result, _ = self._redraw(current, right, view, color, background, blur, True, strokes)
        return True, gr.update(visible=False), result, *self._offer(True)

    def _touched(self, left: str, current: Current, right: str, *settings: Any) -> tuple:
        """The answer with what was touched up by hand, or without it again."""
        if current is None:
            return (gr.skip(),) * (6 + len(self.downloads.of_a_pet))
        view, color, background, blur, anyway, strokes = settings
        try:
            seen, path = self.handlers.show(
                current["photo"], right, Style(view, color, background, blur), anyway, strokes
            )
            beside = self.handlers.answers.see(current["photo"], left)
        except EngineError as error:
            return (*(gr.skip(),) * (5 + len(self.downloads.of_a_pet)), markup.note_html(str(error)))
        segmentation, is_decided = seen.segmentation, anyway or strokes is not None
        pets = self.handlers.pets(current["photo"], right, strokes) if len(seen.instances) > 1 else None
        return (
            markup.verdict_html(segmentation, touched_up=strokes is not None),
            gr.update(visible=segmentation.found != FOUND and bool(segmentation.pets) and not is_decided),
            markup.result_html(path, segmentation, VIEWS[view]),
            gr.update(value=pets, visible=pets is not None),
            markup.areas_html(beside, seen),
            *self._offer(seen.has_pet or is_decided),
            "",
        )

    def _claims(self, current: dict[str, Any], request: gr.Request, step: str) -> bool:
        return self.handlers.claim(str(request.session_hash), current["number"], step)

    def _is_current(self, current: Current, request: gr.Request) -> bool:
        return current is not None and self.handlers.is_wanted(str(request.session_hash), current["number"])

    def _compare(self, request: gr.Request, current: Current, left: str, right: str) -> tuple:
        """What the second backend sees, and where the two disagree."""
        if current is None or not self._claims(current, request, "compare"):
            return (gr.skip(),) * 4
        try:
            comparison, (left_path, right_path, difference) = self.handlers.compared(current["photo"], left, right)
        except EngineError as error:
            return markup.trouble_html(str(error)), "", "", None
        return (
            markup.comparison_html(comparison, left_path, right_path),
            markup.difference_html(comparison, difference),
            markup.areas_html(comparison.left, comparison.right),
            comparison.numbers(),
        )

    def _time(self, request: gr.Request, current: Current, left: str, right: str) -> Iterator[tuple]:
        """How fast each backend is."""
        if current is None or not self._claims(current, request, "time"):
            yield (gr.skip(),) * 3
            return
        yield from self._timed(current, left, right, request, longer=False)

    def _time_longer(self, request: gr.Request, current: Current, left: str, right: str) -> Iterator[tuple]:
        """The same, for longer."""
        if current is None or not self._is_current(current, request):
            yield (gr.skip(),) * 3
            return
        yield from self._timed(current, left, right, request, longer=True)

    def _timed(
        self, current: dict[str, Any], left: str, right: str, request: gr.Request, longer: bool
    ) -> Iterator[tuple]:
        steps = self.handlers.timed(current["photo"], lambda: self._is_current(current, request), longer)
        said = None
        while True:
            try:
                now = next(steps)
            except StopIteration as done:
                timings = done.value
                break
            if now != said:
                said = now
                yield markup.working_html(said), gr.skip(), gr.skip()
        if timings is None:
            yield (gr.skip(),) * 3
            return
        yield (
            markup.speed_html(right, left, timings),
            latency_chart(timings.measured.samples, (left, right)) if timings.measured.samples else None,
            self.handlers.figures_of(current["photo"], left, right, timings),
        )

    def _pets(self, request: gr.Request, current: Current, right: str, strokes: str | None) -> dict:
        """Each pet apart, where there are several."""
        if current is None or not self._claims(current, request, "pets"):
            return gr.skip()
        found = self.handlers.answers.see(current["photo"], right, strokes)
        if not found.has_pet or len(found.instances) < 2:
            return gr.update(value=None, visible=False)
        return gr.update(value=self.handlers.pets(current["photo"], right, strokes), visible=True)

    def leave(self, request: gr.Request) -> None:
        """A viewer has closed the page."""
        self.handlers.forget(str(request.session_hash))


def build(lanes: Lanes) -> PhotoTab:
    """The tab inside the current `gr.Blocks`."""
    return PhotoTab(lanes)
