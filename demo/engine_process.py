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
from dataclasses import replace
from pathlib import Path
from typing import IO

from engine.errors import InferenceError, InputError
from engine.progress import Step

PROGRAM = (sys.executable, "-m", "engine")
ROOT = Path(__file__).resolve().parent.parent
TICK_SECONDS = 0.3  # between two looks at how far it is
STOPPING_SECONDS = 15.0  # that an interrupted command has to write what it has
BAD_INPUT = 2  # exit status


class EngineProcess:
    """One run of a command (`engine.command`), which tells its progress on stderr and writes its result to a file.

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
        self._step, self._stepped_at = Step(0, 1, "starting"), time.monotonic()
        self._last_words = "no word"

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
            result = Path(folder) / "result.json"
            process = subprocess.Popen(
                [*self._command, "--json", str(result), "--progress", "json"],
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=ROOT, text=True, errors="replace",
                start_new_session=True,
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
            raise self._error(status)

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
        reader = threading.Thread(target=self._read, args=(process.stderr,), daemon=True)
        reader.start()
        while reader.is_alive():
            yield self._now()
            reader.join(TICK_SECONDS)
            if self._interrupted_at is not None and time.monotonic() - self._interrupted_at > STOPPING_SECONDS:
                self.kill()

    def _read(self, lines: IO[str]) -> None:
        """Keeps the last step, and the last line that is none: a complaint, or what a library says."""
        with lines:
            for line in lines:
                try:
                    self._step = Step(**json.loads(line))
                except (ValueError, TypeError):
                    self._last_words = line.strip() or self._last_words
                else:
                    self._stepped_at = time.monotonic()

    def _now(self) -> Step:
        """The last step, its seconds counted down since."""
        if self._interrupted_at is not None:
            return replace(self._step, what=self._stopping, left_s=None)
        left_s = self._step.left_s
        if left_s is None:
            return self._step
        return replace(self._step, left_s=max(0.0, left_s - (time.monotonic() - self._stepped_at)))

    def _error(self, status: int) -> InputError | InferenceError:
        last = self._last_words
        if status == BAD_INPUT:
            return InputError(last.removeprefix("error: "))
        return InferenceError(f"`{' '.join(self._command[1:4])}` ended with status {status} ({last}). {self._advice}")
