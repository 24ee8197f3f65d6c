"""A command of the engine in a process of its own, watched while it works.

What is measured must not share its process with the page, and must end when nobody waits for it any more.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from engine.errors import InferenceError, InputError

PROGRAM = (sys.executable, "-m", "engine")
ROOT = Path(__file__).resolve().parent.parent
TICK_SECONDS = 0.3  # between two looks at how far it is
STOPPING_SECONDS = 15.0  # that an interrupted command has to write what it has
BAD_INPUT = 2  # exit status


@dataclass(frozen=True)
class Step:
    """How far a command is: the share done (0 to 1), what goes on, the seconds left where that can be said."""

    share: float
    what: str
    seconds_left: float | None = None


class EngineProcess:
    """One run of a command that knows `--progress json` and `--json FILE`.

    Args:
        arguments: after `python -m engine`, for example ["benchmark", "--seconds", "5"].
        program: what takes the arguments.
        stopping: what is said while it is asked to stop.
        advice: what to do about one that dies.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        program: Sequence[str] = PROGRAM,
        stopping: str = "stopping at the end of the round",
        advice: str = "Run it again with fewer backends.",
    ) -> None:
        self._command = [*program, *arguments]
        self._stopping, self._advice = stopping, advice
        self._process: subprocess.Popen | None = None
        self._interrupted_at: float | None = None
        self._step, self._stepped_at = Step(0.0, "starting"), time.monotonic()

    def run(self) -> Generator[Step, None, dict | None]:
        """Starts the process and says several times a second how far it is; closing the generator kills it.

        Returns:
            What the command wrote; None where it was interrupted before it had anything to write.

        Raises:
            InputError: the command refused its options; the text is its own.
            InferenceError: it died.
        """
        if self._interrupted_at is not None:
            return None
        with tempfile.TemporaryDirectory(prefix="whisker-") as folder:
            result, complaints = Path(folder) / "result.json", Path(folder) / "stderr.txt"
            with complaints.open("wb") as stderr:
                process = subprocess.Popen(
                    [*self._command, "--json", str(result), "--progress", "json"],
                    stdout=subprocess.PIPE, stderr=stderr, cwd=ROOT, text=True, start_new_session=True,
                )  # fmt: skip
            self._process = process
            try:
                yield from self._steps(process)
                status = process.wait()
            finally:
                self.kill()
            if result.is_file():
                return json.loads(result.read_text())
            if self._interrupted_at is not None:
                return None
            raise self._error(status, complaints.read_text(errors="replace"))

    def interrupt(self) -> None:
        """Asks the command to stop and to write what it has; one that does not is killed after a while."""
        self._interrupted_at = time.monotonic()
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """Ends the process and those that it started."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        process.wait()

    def _steps(self, process: subprocess.Popen) -> Generator[Step, None, None]:
        reader = threading.Thread(target=self._read, args=(process.stdout,), daemon=True)
        reader.start()
        while reader.is_alive():
            yield self._now()
            reader.join(TICK_SECONDS)
            if self._interrupted_at is not None and time.monotonic() - self._interrupted_at > STOPPING_SECONDS:
                self.kill()

    def _read(self, lines: IO[str]) -> None:
        """Keeps the last step said; what a library prints in between is not for us."""
        with lines:
            for line in lines:
                try:
                    said = json.loads(line)
                    self._step = Step(said["share"], said["what"], said["seconds_left"])
                except (ValueError, KeyError, TypeError):
                    continue
                self._stepped_at = time.monotonic()

    def _now(self) -> Step:
        """The last step, its seconds counted down since."""
        if self._interrupted_at is not None:
            return Step(self._step.share, self._stopping)
        left = self._step.seconds_left
        if left is None:
            return self._step
        return replace(self._step, seconds_left=max(0.0, left - (time.monotonic() - self._stepped_at)))

    def _error(self, status: int, complaints: str) -> InputError | InferenceError:
        last = (complaints.strip().splitlines() or ["no word"])[-1]
        if status == BAD_INPUT:
            return InputError(last.removeprefix("error: "))
        return InferenceError(f"`{' '.join(self._command[1:4])}` ended with status {status} ({last}). {self._advice}")
