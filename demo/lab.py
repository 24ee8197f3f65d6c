"""The Lab tab: the backends against each other on this machine, measured in a process of their own."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from demo import lab_markup
from demo.engine_process import PROGRAM
from demo.inputs import photo_input
from demo.lab_results import LabResults
from demo.lab_run import EXTRAS, SWEEP_SECONDS, LabPlan, LabResult, LabRun
from demo.lanes import Lanes
from demo.looks import LOOKS, label
from demo.viewer_runs import ViewerRuns
from engine.backends import BACKENDS, INT8_BACKEND
from engine.errors import InputError
from engine.sweep import expected_seconds, settings

CHOICES = tuple(name for name in BACKENDS if name in LOOKS)
CHOSEN = ("torch", "torchscript", "openvino-fp32", "openvino-int8")
PICTURES = {"example": "The example cat", "drawn": "A drawn picture", "own": "My own photo"}
EXAMPLE = Path("demo") / "examples" / "cat.jpg"  # the command runs in the root
ALLOCATORS = {"default": "As it comes", "tuned": "Told to keep its memory"}


class LabHandlers(ViewerRuns):
    """What the tab does, as plain functions.

    Args:
        lanes: say which model is measured; the run opens it anew.
        program: what is run in place of `python -m engine`.
    """

    def __init__(self, lanes: Lanes, program: Sequence[str] = PROGRAM) -> None:
        super().__init__()
        self._model = lanes.model
        self._program = program

    def measure(self, viewer: str, *choices: Any) -> Iterator[tuple[str, LabResult | None]]:
        """Runs until the end, or until its viewer cancels it; closing the generator kills what runs.

        Args:
            viewer: whose run it is.
            choices: as `plan_of` takes them.

        Yields:
            How far it is (HTML), and at the end the result.
        """
        if self.has_given_up(viewer):
            yield lab_markup.note_html("Cancelled before it began."), None
            return

        def prepare() -> LabRun:
            return LabRun(plan_of(*choices), self._model, self._program)

        result = yield from self.watch(viewer, prepare, lab_markup.working_html)
        if result.benchmark is None:
            yield lab_markup.note_html("Cancelled before anything was timed."), None
        else:
            yield "", result


def plan_of(
    backends: Sequence[str],
    seconds: float,
    picture: str = "example",
    photo: str | None = None,
    allocator: str = "default",
    extras: Sequence[str] = (),
    sweep_backend: str = INT8_BACKEND,
) -> LabPlan:
    """The choices of the page as a plan; backends are in the order of the page, whatever was ticked first.

    Raises:
        InputError: there is no photo though one's own was to be taken.
    """
    if picture == "own" and photo is None:
        raise InputError("There is no photo yet. Drop one in, or take the example cat.")
    path = {"example": EXAMPLE, "drawn": None, "own": Path(photo or "")}[picture]
    in_order = tuple(name for name in CHOICES if name in backends)
    return LabPlan(in_order, seconds, path, allocator, tuple(extras), sweep_backend)


def build(lanes: Lanes, program: Sequence[str] = PROGRAM) -> None:
    """Lays the tab out inside the current `gr.Tab` and connects it."""
    handlers = LabHandlers(lanes, program)
    gr.HTML(lab_markup.INTRO, padding=False)
    choices = choose()
    with gr.Row(elem_classes="lab-buttons"):
        start = gr.Button("Run the benchmark", variant="primary", elem_id="lab-run", scale=0, min_width=220)
        stop = gr.Button("Cancel", elem_id="lab-cancel", interactive=False, scale=0, min_width=120)
    progress = gr.HTML(elem_id="lab-progress", padding=False)
    result = gr.State()
    results = LabResults(lanes.spec)
    results.build(result)

    def measure(request: gr.Request, *chosen: Any) -> Iterator[tuple[str, LabResult | None]]:
        yield from handlers.measure(str(request.session_hash), *chosen)

    def line_up(request: gr.Request) -> tuple[dict, dict, str]:
        handlers.line_up(str(request.session_hash))
        return gr.update(interactive=False), gr.update(interactive=True), lab_markup.WAITING

    def cancel(request: gr.Request) -> dict:
        handlers.cancel(str(request.session_hash))
        return gr.update(interactive=False)

    quick: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    measured = start.click(line_up, None, [start, stop, progress], queue=False, **quick).then(
        measure,
        choices,
        [progress, result],
        api_visibility="private",
        show_progress="minimal",
        show_progress_on=[progress],
        concurrency_limit=1,
        concurrency_id="benchmark",
    )
    stop.click(cancel, None, [stop], queue=False, **quick)
    measured.success(results.show, [result], list(results.outputs.values()), **quick)
    measured.success(ready, None, [start, stop], **quick)
    measured.failure(lambda: (*ready(), ""), None, [start, stop, progress], **quick)


def ready() -> tuple[dict, dict]:
    """The buttons when nothing runs."""
    return gr.update(interactive=True), gr.update(interactive=False)


def choose() -> list[gr.components.Component]:
    """The inputs, in the order in which `plan_of` takes them."""
    sweep_seconds = expected_seconds(settings(), SWEEP_SECONDS)
    with gr.Row(elem_classes="lab-choices"):
        with gr.Column(min_width=300):
            backends = gr.CheckboxGroup(
                [(label(name), name) for name in CHOICES], value=list(CHOSEN), label="Backends", elem_id="lab-backends",
                info="The first one is what the others are held against. torch.compile needs half a minute to start.",
            )  # fmt: skip
            allocator = gr.Radio(
                [(text, name) for name, text in ALLOCATORS.items()], value="default",
                label="PyTorch's memory allocator",
                info="Eager PyTorch is at its best when told to keep its memory.",
            )  # fmt: skip
        with gr.Column(min_width=300):
            seconds = gr.Slider(
                2, 60, 10, step=1, label="Seconds of timing, all backends together", elem_id="lab-seconds"
            )
            extras = gr.CheckboxGroup(
                [(text, name) for name, text in EXTRAS.items()], value=["layers"], label="Also measure",
                info=f"A sweep tries requests x threads x batch: about {sweep_seconds:.0f} s more.",
                elem_id="lab-extras",
            )  # fmt: skip
            sweep_backend = gr.Dropdown(
                [(label(name), name) for name in CHOICES], value=INT8_BACKEND, label="Backend to sweep", visible=False,
                elem_id="lab-sweep-backend",
            )  # fmt: skip
            picture = gr.Radio(
                [(text, name) for name, text in PICTURES.items()], value="example", label="Picture to time with",
                elem_id="lab-picture",
            )  # fmt: skip
            photo = photo_input(
                label="Photo", sources=["upload", "clipboard"], height=220, visible=False, elem_id="lab-photo",
                placeholder="Drop a photo here\nor click to choose one",
            )  # fmt: skip
    quick: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
    extras.change(lambda extras: gr.update(visible="sweep" in extras), [extras], [sweep_backend], **quick)
    picture.change(lambda picture: gr.update(visible=picture == "own"), [picture], [photo], **quick)
    return [backends, seconds, picture, photo, allocator, extras, sweep_backend]
