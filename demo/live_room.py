"""The viewers of the Live tab, who share one machine: fair turns, the newest frame only, a line for those who wait.

One thread answers frames. Whose turn it is follows start-time fair queueing, so that the time of the machine is shared
evenly, not the number of frames: a viewer who compares two backends gets fewer of them.

Source: Goyal, Vin, Cheng, "Start-time Fair Queuing", SIGCOMM 1996.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from demo.live_frames import LiveAnswer
from demo.quiet import Quiet
from engine import turn
from engine.errors import EngineError, InferenceError, InputError

PLACES = 4  # viewers at once; about 15 frames a second each on two cores
LINE = 20  # viewers who may wait for a place
LOOK_SECONDS = 0.5  # between two looks at whether something is timed on this machine


class Answering(Protocol):
    """What answers the frames of a viewer: `LiveFrames`."""

    def answer(self, number: int, file: bytes) -> LiveAnswer: ...


@dataclass(frozen=True)
class Standing:
    """How things stand for a viewer.

    Attributes:
        place: in the line, from 1; 0 once frames are answered.
        viewers: whose frames are answered.
        is_measured: something is timed on this machine, and nobody's frames are answered meanwhile.
    """

    place: int
    viewers: int
    is_measured: bool


@dataclass(eq=False)
class Viewer:
    """Someone with a camera.

    Args:
        frames: answers his frames.
        on_answer: given the frame's number, its answer or the error that it met, and the milliseconds that it waited
            for its turn; called from the room's thread.
        on_standing: told when `Standing` changes; called from any thread.
    """

    frames: Answering
    on_answer: Callable[[int, LiveAnswer | EngineError, float], None]
    on_standing: Callable[[Standing], None]
    waiting: tuple[int, bytes, float] | None = None  # number, JPEG, when it came
    start_tag: float = 0.0  # of the waiting frame
    finish_tag: float = 0.0  # of the frame before: seconds of the machine
    standing: Standing | None = None  # as he was told last


class Room:
    """Answers the frames of all viewers in turn.

    Args:
        quiet: while something is timed on the page, no frame is answered.
        places: viewers at once.
        is_measured: whether something is timed on this machine just now.
    """

    def __init__(
        self, quiet: Quiet, places: int = PLACES, line: int = LINE, is_measured: Callable[[], bool] = turn.is_taken
    ) -> None:
        self._quiet = quiet
        self._places = places
        self._line = line
        self._ask_measured = is_measured
        self._viewers: list[Viewer] = []  # the first `places` of them are served, the others wait
        self._is_measured = False
        self._looked_at = 0.0
        self._now = 0.0  # virtual time: the start tag of the frame last taken
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def enter(self, viewer: Viewer) -> None:
        """A viewer comes; he is told his standing.

        Raises:
            InputError: the line is full.
        """
        with self._changed:
            if len(self._viewers) >= self._places + self._line:
                raise InputError(
                    f"{len(self._viewers)} viewers share this machine or wait for it, the most it takes. "
                    "Try again in a few minutes."
                )
            self._viewers.append(viewer)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="live-room", daemon=True)
                self._thread.start()
            self._tell_standing()

    def leave(self, viewer: Viewer) -> None:
        """A viewer goes; his frames are forgotten, those behind him move up. The last one ends the thread."""
        with self._changed:
            if viewer in self._viewers:
                self._viewers.remove(viewer)
                viewer.waiting = None
                self._tell_standing()
                self._changed.notify_all()

    def offer(self, viewer: Viewer, number: int, file: bytes) -> None:
        """A viewer's newest frame; one of his that still waits is dropped for it, and all of who has no place."""
        with self._changed:
            if viewer not in self._viewers[: self._places]:
                return
            if viewer.waiting is None:
                viewer.start_tag = max(self._now, viewer.finish_tag)
            viewer.waiting = (number, file, time.perf_counter())
            self._changed.notify_all()

    def __len__(self) -> int:
        return len(self._viewers)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: not self._viewers or self._next() is not None)
                if not self._viewers:
                    self._thread = None
                    return
            if self._wait_while_measured():
                continue
            with self._quiet.working():
                self._answer_next()

    def _next(self) -> Viewer | None:
        """Whose frame is next."""
        asking = [v for v in self._viewers[: self._places] if v.waiting is not None]
        return min(asking, key=lambda viewer: viewer.start_tag, default=None)

    def _answer_next(self) -> None:
        with self._changed:
            viewer = self._next()
            if viewer is None or viewer.waiting is None:
                return
            number, file, came = viewer.waiting
            viewer.waiting = None
            self._now = viewer.start_tag
        started = time.perf_counter()
        try:
            answer: LiveAnswer | EngineError = viewer.frames.answer(number, file)
        except EngineError as error:
            answer = error
        except Exception as error:  # a bug: told loudly, but the other viewers go on
            logging.getLogger(__name__).exception("A frame of the Live tab could not be answered.")
            answer = InferenceError(f"This frame could not be answered ({error}). Choose another effect or backend.")
        with self._changed:
            viewer.finish_tag = self._now + time.perf_counter() - started
            viewer.start_tag = max(viewer.start_tag, viewer.finish_tag)  # of a frame that came meanwhile
        viewer.on_answer(number, answer, (started - came) * 1e3)

    def _wait_while_measured(self) -> bool:
        """Waits for the end of a benchmark; whether there was one. What waits then is stale and is dropped."""
        now = time.monotonic()
        if now - self._looked_at < LOOK_SECONDS:
            return False
        self._looked_at = now
        if not self._ask_measured():
            return False
        self._set_measured(True)
        while self._ask_measured() and self._viewers:
            time.sleep(LOOK_SECONDS)
        with self._changed:
            for viewer in self._viewers:
                viewer.waiting = None
        self._set_measured(False)
        return True

    def _set_measured(self, is_measured: bool) -> None:
        with self._changed:
            self._is_measured = is_measured
            self._tell_standing()

    def _tell_standing(self) -> None:
        served = min(len(self._viewers), self._places)
        for index, viewer in enumerate(self._viewers):
            place = max(0, index + 1 - self._places)
            viewer.standing = Standing(place, served, self._is_measured)
            viewer.on_standing(viewer.standing)
