"""The page, started as a user starts it, for somebody who looks at it from outside."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STARTS_WITHIN_S = 120


@dataclass(frozen=True)
class RunningPage:
    """A page that answers: its address, its process, the seconds it took to answer."""

    url: str
    process: subprocess.Popen
    seconds: float


@contextlib.contextmanager
def running_page(folder: Path, *options: str) -> Iterator[RunningPage]:
    """`python app.py` on a free port of the loopback interface, stopped at the end by its process id.

    Args:
        folder: of its own, for its log and its temporary files.
        options: of app.py.

    Raises:
        RuntimeError: it did not start; the text holds its log.
    """
    port, log, temporary = free_port(), folder / "log.txt", folder / "tmp"
    temporary.mkdir()
    environment = {
        **os.environ,
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_TEMP_DIR": str(folder / "gradio"),
        "TMPDIR": str(temporary),  # the turn to measure is kept there: another page's is not ours
    }
    url, began = f"http://127.0.0.1:{port}", time.perf_counter()
    with log.open("w") as output:
        # In a session of its own, so that Ctrl-C is for the one who started it alone.
        process = subprocess.Popen(
            [sys.executable, "app.py", *options],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        while True:
            with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
                break
            if process.poll() is not None or time.perf_counter() - began > STARTS_WITHIN_S:
                raise RuntimeError(f"The page did not start:\n{log.read_text()}")
            time.sleep(0.1)
        yield RunningPage(url, process, time.perf_counter() - began)
    finally:
        process.terminate()
        process.wait(timeout=20)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
