"""One timing at a time on a machine: two at once would measure each other."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.progress import Step, report

try:
    import fcntl
except ImportError:  # not a Unix; there every benchmark runs at once
    fcntl = None  # type: ignore[assignment]

WAIT_SECONDS = 0.5


def lock_path() -> Path:
    """The file whose lock is the turn; one for each user, since another's file cannot be written."""
    user = os.getuid() if hasattr(os, "getuid") else "everyone"
    return Path(tempfile.gettempdir()) / f"whisker-benchmark-{user}.lock"


def is_taken(path: Path | None = None) -> bool:
    """Whether a process of this user measures just now; does not wait."""
    if fcntl is None:
        return False
    try:
        with (path or lock_path()).open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def say_so() -> None:
    """Tells who listens to this process."""
    report(Step(0, 1, "waiting: something else is being timed on this machine"))


@contextmanager
def try_turn(path: Path | None = None) -> Iterator[bool]:
    """Takes the turn if no other measures; whether it did.

    Args:
        path: of the lock file.
    """
    if fcntl is None:
        yield True
        return
    with (path or lock_path()).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True  # closing the file gives the turn back, also where the process is killed


@contextmanager
def my_turn(on_wait: Callable[[], None] = say_so, path: Path | None = None) -> Iterator[None]:
    """Waits until no other process of this user measures, then keeps the turn.

    Args:
        on_wait: called once, if another has the turn.
        path: of the lock file.
    """
    is_told = False
    while True:
        with try_turn(path) as is_mine:
            if is_mine:
                yield
                return
        if not is_told:
            on_wait()
            is_told = True
        time.sleep(WAIT_SECONDS)
