"""Which memory allocator a number was measured with, and PyTorch's best case.

glibc gives memory back to the system after every layer and takes it again for the next: the page faults cost eager
PyTorch on a CPU up to half of its time. Told to keep its memory, it does.

Source: mallopt(3).
"""

import ctypes
import os
import platform

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4  # of malloc.h
TOP_PAD_BYTES = 512 * 2**20
# The same for a process that starts, which reads them from its environment.
TUNED = {
    "MALLOC_TRIM_THRESHOLD_": "1000000000000",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TOP_PAD_": str(TOP_PAD_BYTES),
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
    """Whether this process, or the one that started it, was told by `tune`."""
    return all(os.environ.get(name) == value for name, value in TUNED.items())


def tune() -> None:
    """Tells glibc to keep its memory, in this process and in those it starts; does nothing where it is not used."""
    if platform.libc_ver()[0] != "glibc" or is_tuned():
        return
    mallopt = ctypes.CDLL(None).mallopt
    for parameter, value in ((M_TRIM_THRESHOLD, -1), (M_MMAP_MAX, 0), (M_TOP_PAD, TOP_PAD_BYTES)):
        mallopt(parameter, value)
    os.environ.update(TUNED)
