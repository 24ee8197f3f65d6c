"""The Video tab: a clip in, the same clip with an effect out, rendered in a process of its own."""

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import plotly.graph_objects as go

from demo import video_markup
from demo.downloads import new_folder
from demo.engine_process import PROGRAM, EngineProcess
from demo.inputs import hex_color, photo_input, plainly
from demo.lab_markup import note_html
from demo.lanes import Lanes
from demo.looks import label
from demo.video_example import draw_clip
from demo.viewer_runs import ViewerRuns
from engine.backends import INT8_BACKEND
from engine.command import words_of
from engine.effects import DEFAULT_EFFECT_OPTIONS, EFFECTS
from engine.errors import InputError
from engine.video.clip import Clip

ALONE = ""  # no second backend
EDGES = {"fast": "Quick", "fine": "Follows the fur (several times slower)"}


@dataclass(frozen=True)
class Rendered:
    """What came of a clip.

    Attributes:
        path: of the clip with the effect.
        result: the fields of `video --json`.
    """

    path: Path
    result: dict


class VideoHandlers(ViewerRuns):
    """What the tab does, as plain functions.

    Args:
        lanes: say which model is used; the run opens it anew.
        program: what is run in place of `python -m engine`.
    """

    def __init__(self, lanes: Lanes, program: Sequence[str] = PROGRAM) -> None:
        super().__init__()
        self._model = lanes.model
        self._program = program

    def describe_clip(self, clip: str | None) -> tuple[str, bool]:
        """What a clip is, or why it is not taken (HTML), and whether it can be rendered."""
        if clip is None:
            return video_markup.limits_html(), False
        try:
            with Clip(Path(clip)) as opened:
                return video_markup.clip_html(opened.info.in_words(), opened.info.cut_short), True
        except InputError as error:
            return video_markup.refused_html(str(error)), False

    def render(self, viewer: str, *choices: Any) -> Iterator[tuple[str, Rendered | None]]:
        """Runs until the end, or until its viewer cancels it; closing the generator kills what runs.

        Args:
            viewer: whose run it is.
            choices: as `arguments` takes them, after the model and the path of the result.

        Yields:
            How far it is (HTML), and at the end what came of it.
        """
        if self.has_given_up(viewer):
            yield note_html("Cancelled before it began."), None
            return
        folder, result = new_folder(), None
        chosen = VideoOptions(*choices)
        out = folder / f"{Path(chosen.clip or '').stem}-{chosen.effect}.mp4"

        def prepare() -> EngineProcess:
            arguments = chosen.arguments(self._model, out)
            return EngineProcess(arguments, self._program, "writing what is done", "Choose another backend.")

        try:
            result = yield from self.watch(viewer, prepare, video_markup.working_html)
        finally:
            if result is None:
                shutil.rmtree(folder, ignore_errors=True)
        if result is None:
            yield note_html("Cancelled before the first frame."), None
        else:
            yield "", Rendered(out, result | {"out": out.name})


@dataclass(frozen=True)
class VideoOptions:
    """What somebody chose on the page, in the order of its inputs."""

    clip: str | None
    backend: str = INT8_BACKEND
    compare: str = ALONE
    effect: str = "overlay"
    color: str = DEFAULT_EFFECT_OPTIONS.color
    background: str | None = None
    blur_percent: float = 2.0
    edge: str = "fast"

    def arguments(self, model: str, out: Path) -> list[str]:
        """After `python -m engine`.

        Raises:
            InputError: there is no clip, or no picture for the background.
        """
        if self.clip is None:
            raise InputError("There is no clip yet. Drop one in, or press “Try it with the example cat”.")
        if self.effect == "replace" and self.background is None:
            raise InputError("There is no picture for the background yet. Drop one in.")
        options = words_of(
            model=model,
            backend=self.backend,
            effect=self.effect,
            edge=self.edge,
            color=hex_color(self.color),
            blur=self.blur_percent / 100,
            compare=None if self.compare in (ALONE, self.backend) else self.compare,
            background=self.background if self.effect == "replace" else None,
        )
        return ["video", self.clip, str(out), *options]


def show(
    rendered: Rendered | None,
) -> tuple[dict, dict, str, str | None, str | None, str | None, go.Figure | None, dict]:
    """The outputs, from what came of a clip."""
    if rendered is None:
        empty = gr.update(visible=True), gr.update(visible=False)
        return (*empty, "", None, None, None, None, {})
    figures = rendered.path.with_suffix(".json")
    figures.write_text(json.dumps(rendered.result, indent=2) + "\n")
    seen = gr.update(visible=False), gr.update(visible=True)
    chart = video_markup.latency_chart(rendered.result)
    path = str(rendered.path)
    return (*seen, video_markup.verdict_html(rendered.result), path, path, str(figures), chart, rendered.result)


def build(lanes: Lanes, program: Sequence[str] = PROGRAM) -> None:
    """Lays the tab out inside the current `gr.Tab` and connects it."""
    handlers = VideoHandlers(lanes, program)
    with gr.Row(elem_classes="video"):
        with gr.Column(scale=2, min_width=320):
            clip, words, example = choose_clip()
            choices = choose_look(lanes)
            with gr.Row():
                start = gr.Button("Render the clip", variant="primary", elem_id="video-run", interactive=False)
                stop = gr.Button("Cancel, keep what is done", elem_id="video-cancel", interactive=False)
        with gr.Column(scale=3, min_width=320):
            progress = gr.HTML(elem_id="video-progress", padding=False)
            empty = gr.HTML(video_markup.EMPTY, padding=False)
            with gr.Column(visible=False) as results:
                outputs = show_results()
    rendered = gr.State()

    def describe(path: str | None) -> tuple[str, dict]:
        said, is_good = handlers.describe_clip(path)
        return said, gr.update(interactive=is_good)

    def render(request: gr.Request, *chosen: Any) -> Iterator[tuple[str, Rendered | None]]:
        yield from handlers.render(str(request.session_hash), *chosen)

    def line_up(request: gr.Request) -> tuple[dict, dict, str]:
        handlers.line_up(str(request.session_hash))
        return gr.update(interactive=False), gr.update(interactive=True), video_markup.WAITING

    def cancel(request: gr.Request) -> dict:
        handlers.cancel(str(request.session_hash))
        return gr.update(interactive=False)

    quick: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    example.click(draw_example, None, [clip], api_visibility="private", show_progress_on=[words])
    clip.change(describe, [clip], [words, start], **quick)
    ran = start.click(line_up, None, [start, stop, progress], queue=False, **quick).then(
        render,
        [clip, *choices],
        [progress, rendered],
        api_visibility="private",
        show_progress="minimal",
        show_progress_on=[progress],
        concurrency_limit=1,
        concurrency_id="render",
    )
    stop.click(cancel, None, [stop], queue=False, **quick)
    ran.success(show, [rendered], [empty, results, *outputs], **quick)
    ran.success(ready, None, [start, stop], **quick)
    ran.failure(lambda: (*ready(), ""), None, [start, stop, progress], **quick)


def ready() -> tuple[dict, dict]:
    """The buttons when nothing runs."""
    return gr.update(interactive=True), gr.update(interactive=False)


@plainly
def draw_example() -> str:
    """The path of a clip of four seconds, drawn from the example cat."""
    path = new_folder() / "cat.mp4"
    draw_clip(path)
    return str(path)


def choose_clip() -> tuple[gr.Video, gr.HTML, gr.Button]:
    """The clip, what it is in words, and the button that draws one."""
    clip = gr.Video(label="Clip", sources=["upload"], height=300, elem_id="clip", buttons=[])
    words = gr.HTML(video_markup.limits_html(), elem_id="clip-words", padding=False)
    example = gr.Button("Try it with the example cat", size="sm", elem_id="video-example")
    return clip, words, example


def choose_look(lanes: Lanes) -> list[gr.components.Component]:
    """The other inputs, in the order of `VideoOptions`."""
    backends = [(label(name), name) for name in lanes.names]
    with gr.Row():
        backend = gr.Dropdown(backends, value=INT8_BACKEND, label="Backend", min_width=180, elem_id="video-backend")
        compare = gr.Dropdown(
            [("None", ALONE), *backends], value=ALONE, label="Timed against, on each frame", min_width=180,
            elem_id="video-compare",
        )  # fmt: skip
    effect = gr.Radio(
        [(each.label, name) for name, each in EFFECTS.items()], value="overlay", label="Effect", elem_id="video-effect"
    )
    color = gr.ColorPicker(
        DEFAULT_EFFECT_OPTIONS.color, label="Colour of the background", visible=False, elem_id="video-color"
    )
    background = photo_input(
        label="Background", sources=["upload", "clipboard"], height=180, visible=False, elem_id="video-background",
        placeholder="Drop a picture here\nor click to choose one",
    )  # fmt: skip
    blur = gr.Slider(0.5, 10, 2, step=0.5, label="Blur, % of the longer side", visible=False, elem_id="video-blur")
    edge = gr.Radio([(text, name) for name, text in EDGES.items()], value="fast", label="Edge", visible=False)

    def fit_to(effect: str) -> list[dict]:
        wanted = (effect in ("cutout", "sticker"), effect == "replace", effect == "blur", effect != "overlay")
        return [gr.update(visible=each) for each in wanted]

    quick: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
    effect.change(fit_to, [effect], [color, background, blur, edge], **quick)
    return [backend, compare, effect, color, background, blur, edge]


def show_results() -> list[gr.components.Component]:
    """What is shown of a rendered clip, in the order of `show`."""
    verdict = gr.HTML(elem_id="video-verdict", padding=False)
    video = gr.Video(label="The clip with its effect", interactive=False, elem_id="video-result", buttons=[])
    with gr.Row(elem_classes="downloads"):
        download = gr.DownloadButton("Clip (MP4)", variant="primary", elem_id="video-download", min_width=120)
        figures = gr.DownloadButton("Figures (JSON)", elem_id="video-figures", min_width=120)
    chart = gr.Plot(label="Latency along the clip", elem_id="video-chart")
    with gr.Accordion("All figures", open=False):
        numbers = gr.JSON(show_label=False, elem_id="video-numbers")
    return [verdict, video, download, figures, chart, numbers]
