"""Many photos at once: a gallery that fills while they are answered, and one ZIP of all that came of them."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr
from gradio.events import Dependency

from demo import lab_markup
from demo.downloads import new_folder
from demo.inputs import plainly
from demo.lanes import Lanes
from demo.many_run import ManyRun, Trouble, check_number, photos_in_words
from demo.viewer_runs import ViewerRuns
from engine.backends import INT8_BACKEND
from engine.errors import InputError
from engine.progress import Step

WAITING = '<div class="working"><p>In line: the photos of one viewer are answered at a time.</p></div>'
Answered = tuple[str, list[tuple[str, str]], str | None]


class ManyHandlers(ViewerRuns):
    """What the section does, as plain functions.

    Args:
        lanes: the backends of the page.
    """

    def __init__(self, lanes: Lanes) -> None:
        super().__init__()
        self._lanes = lanes
        self._many: dict[str, ManyRun] = {}

    @plainly
    def take(self, viewer: str, paths: Sequence[str]) -> None:
        """Lines photos up, unless they are too many or the viewer's last ones are not done."""
        check_number(paths)
        before = self._many.get(viewer)
        if before is not None and not before.is_interrupted:
            left = photos_in_words(before.total - before.done)
            raise InputError(f"{left} before these are still to do. Wait for them or cancel, then drop these again.")
        self.line_up(viewer)

    def answer_all(self, viewer: str, paths: Sequence[str], backend: str = INT8_BACKEND) -> Iterator[Answered]:
        """Answers photos one after another, until the end or until their viewer cancels it.

        Args:
            viewer: whose photos they are.
            paths: of the photos, 100 at the most.
            backend: who answers.

        Yields:
            After each photo how far it is (HTML) and the path of a thumbnail and a caption for each answered so far;
            at the end what came of it, the same, and the path of the ZIP, which a cancelled run has as well.
        """
        if self.has_given_up(viewer):
            yield lab_markup.note_html("Cancelled before it began."), [], None
            return
        folder, run = new_folder(), None

        def prepare() -> ManyRun:
            self._many[viewer] = ManyRun(self._lanes, paths, backend, folder)
            return self._many[viewer]

        try:
            with closing(self.watch(viewer, prepare, working_html)) as watched:
                for html, _ in watched:
                    run = self._many[viewer]
                    yield html + troubles_html(run.troubles), list(run.thumbnails), None
            assert run is not None  # it says at least that it begins
            yield summary_html(run), list(run.thumbnails), None if run.written is None else str(run.written)
        finally:
            self._many.pop(viewer, None)
            if run is None or run.written is None:
                shutil.rmtree(folder, ignore_errors=True)


def summary(run: ManyRun) -> str:
    """ "38 photos, 35 with a pet, 1 perhaps; 2 files could not be read." """
    answered = len(run.thumbnails)
    text = f"{photos_in_words(answered)}, {run.with_pet} with a pet"
    if run.perhaps:
        text += f", {run.perhaps} perhaps"
    if bad := len(run.troubles):
        text += f"; {bad} {'file' if bad == 1 else 'files'} could not be read"
    if run.done < run.total:
        text = f"Cancelled after {run.done} of {run.total}: {text}"
    return text + "."


def working_html(step: Step) -> str:
    """How far it is, as a bar and in words."""
    return lab_markup.working_html(step, "Photos")


def summary_html(run: ManyRun) -> str:
    """What came of it."""
    if not run.done:
        return lab_markup.note_html("Cancelled before the first photo.")
    said = f'<h2 class="verdict-same">{escape(summary(run))}</h2>'
    return f'<div class="verdict" role="status" aria-live="polite">{said}</div>{troubles_html(run.troubles)}'


def troubles_html(troubles: Sequence[Trouble]) -> str:
    """Which files could not be read, and why, one a line."""
    lines = "".join(f"<li><b>{escape(each.photo)}</b> {escape(each.why)}</li>" for each in troubles)
    return f'<ul class="many-troubles">{lines}</ul>' if lines else ""


@dataclass(frozen=True)
class Many:
    """The section, laid out.

    Attributes:
        files: takes the photos; out of sight, so that a page sends files dropped anywhere to `#many input[type=file]`.
        section: all that is seen; hidden until files come.
        started: photos were taken, the section is shown; `started.success(...)` hides what it stands in for.
        closed: the viewer is done with them, the section is hidden again.
    """

    files: gr.File
    section: gr.Column
    started: Dependency
    closed: Dependency


def build(lanes: Lanes, backend: gr.Dropdown) -> Many:
    """Lays the section out inside the current `gr.Blocks` and connects it.

    Args:
        lanes: the backends of the page.
        backend: who answers.
    """
    handlers = ManyHandlers(lanes)
    files = files_input()
    paths = gr.State()
    with gr.Column(visible=False, elem_id="many-section") as section:
        progress = gr.HTML(elem_id="many-progress", padding=False)
        with gr.Row(elem_id="many-buttons"):
            everything = gr.DownloadButton(
                "All of it (ZIP)",
                variant="primary",
                visible=False,
                elem_id="many-zip",
                scale=0,
                min_width=150,
                size="md",
            )
            cancel = gr.Button("Cancel", elem_id="many-cancel", scale=0, min_width=150, size="md")
            close = gr.Button("Back to one photo", elem_id="many-close", scale=0, min_width=150, size="md")
        gallery = gr.Gallery(
            label="Answered so far", show_label=False, columns=5, height="auto", object_fit="contain",
            interactive=False, allow_preview=False, elem_id="many-gallery", buttons=[],
        )  # fmt: skip

    def take(request: gr.Request, taken: list[str] | None) -> tuple:
        handlers.take(str(request.session_hash), taken or [])
        shown = gr.update(visible=True)
        return None, taken, shown, WAITING, [], zip_button(None), gr.update(visible=True, interactive=True)

    def answer(request: gr.Request, taken: list[str], backend: str) -> Iterator[tuple]:
        for html, thumbnails, written in handlers.answer_all(str(request.session_hash), taken, backend):
            yield html, thumbnails, zip_button(written)

    def stop(request: gr.Request) -> dict:
        handlers.cancel(str(request.session_hash))
        return gr.update(interactive=False)

    def leave(request: gr.Request) -> dict:
        handlers.cancel(str(request.session_hash))
        return gr.update(visible=False)

    quick: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    outputs = [files, paths, section, progress, gallery, everything, cancel]
    # In the queue, though nobody waits there: a refusal outside of it is not shown.
    started = files.upload(take, [files], outputs, concurrency_limit=None, trigger_mode="multiple", **quick)
    started.failure(lambda: None, None, [files], queue=False, **quick)  # else the next ones are added to them
    answered = started.success(
        answer,
        [paths, backend],
        [progress, gallery, everything],
        api_visibility="private",
        show_progress="minimal",
        show_progress_on=[progress],
        trigger_mode="multiple",
        concurrency_limit=1,
        concurrency_id="many",
    )
    answered.success(lambda: gr.update(visible=False), None, [cancel], queue=False, **quick)
    answered.failure(lambda: gr.update(visible=False), None, [section], queue=False, **quick)
    cancel.click(stop, None, [cancel], queue=False, **quick)
    closed = close.click(leave, None, [section], queue=False, **quick)
    return Many(files, section, started, closed)


def files_input() -> gr.File:
    """Takes any files, out of sight; hands them on as they are, as `demo.inputs.photo_input` does."""
    component = gr.File(file_count="multiple", elem_id="many", visible="hidden", label="Photos")
    component.preprocess = lambda payload: None if payload is None else [each.path for each in payload]  # type: ignore
    return component


def zip_button(written: str | None) -> dict:
    """Seen once there is a ZIP."""
    return gr.update(value=written, visible=written is not None)
