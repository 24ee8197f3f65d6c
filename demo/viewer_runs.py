"""What runs for the viewers of a tab: one run each, cancelled by its own viewer, killed when nobody waits for it."""

from collections.abc import Callable, Generator
from typing import Any, Protocol

import gradio as gr

from engine.errors import EngineError
from engine.progress import Step


class Run(Protocol):
    """Something that lasts: `EngineProcess`, `LabRun`."""

    def run(self) -> Generator[Step, None, Any]: ...
    def interrupt(self) -> None: ...


class ViewerRuns:
    """The runs of a tab; a viewer is known by the hash of the session."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}
        self._given_up: set[str] = set()

    def line_up(self, viewer: str) -> None:
        """The button was pressed; the run begins when it is this viewer's turn."""
        self._given_up.discard(viewer)

    def has_given_up(self, viewer: str) -> bool:
        """Whether a viewer cancelled while still in the line."""
        return viewer in self._given_up

    def cancel(self, viewer: str) -> None:
        """Asks the viewer's run to end and to keep what it has, or takes it out of the line."""
        if viewer in self._runs:
            self._runs[viewer].interrupt()
        else:
            self._given_up.add(viewer)

    def watch(
        self, viewer: str, prepare: Callable[[], Run], html: Callable[[Step], str]
    ) -> Generator[tuple[str, None], None, Any]:
        """Runs until the end, or until its viewer cancels it; closing the generator kills what runs.

        Args:
            viewer: whose run it is.
            prepare: makes the run.
            html: how far it is, for the page.

        Yields:
            How far it is (HTML), and None.

        Returns:
            What the run gives.
        """
        steps = None
        try:
            run = self._runs[viewer] = prepare()
            steps = run.run()
            while True:
                yield html(next(steps)), None
        except StopIteration as done:
            return done.value
        except EngineError as error:
            raise gr.Error(str(error), duration=None, print_exception=False) from error
        finally:
            if steps is not None:
                steps.close()
            self._runs.pop(viewer, None)
