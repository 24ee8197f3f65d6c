"""Which memory allocator a number was measured with, and PyTorch's best case.

glibc gives memory back to the system after every layer and takes it again for the next: the page faults cost eager
PyTorch on a CPU up to half of its time. Told to keep its memory, it does. The variables are read when a process starts.
"""

import os
import platform
import sys

TUNED = {
    "MALLOC_TRIM_THRESHOLD_": "1000000000000",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TOP_PAD_": str(512 * 2**20),
}
PRELOADED = ("jemalloc", "tcmalloc", "mimalloc")


def describe_allocator() -> str:
    """ "glibc malloc", "glibc malloc, told to keep its memory", or the name of one that was preloaded."""
    preloaded = os.environ.get("LD_PRELOAD", "")
    for name in PRELOADED:
        if name in preloaded:
            return name
    library = platform.libc_ver()[0] or platform.system()
    return f"{library} malloc" + (", told to keep its memory" if is_tuned() else "")


def is_tuned() -> bool:
    """Whether this process started with `TUNED`."""
    return all(os.environ.get(name) == value for name, value in TUNED.items())


def restart_tuned(module: str, argv: list[str]) -> None:
    """Starts `python -m module argv` in place of this process, with `TUNED`; returns where that is so or cannot be."""
    if platform.system() == "Linux" and not is_tuned():
        os.execve(sys.executable, [sys.executable, "-m", module, *argv], {**os.environ, **TUNED})
