"""What is said of the machine, from its own files where there are some."""

import subprocess
import sys
from pathlib import Path

import pytest

from engine import allocator, machine
from engine.machine import Load, busy_share, describe_machine, instruction_sets, machine_in_words, usable_cores

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the variables are those of glibc")


def test_the_machine_is_described():
    described = describe_machine()
    assert described["cpu"]
    assert described["cores"] == usable_cores() >= 1
    assert described["allocator"]
    assert {"torch", "openvino", "onnxruntime", "numpy"} <= set(described["versions"])


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        (["AVX2"], "Drawn CPU, 2 cores, AVX2, no VNNI: INT8 can gain up to about 2.4x here"),
        (["AVX2", "AVX-512", "AVX-512 VNNI"], "Drawn CPU, 2 cores, AVX-512 VNNI: INT8 can gain up to about 4x here"),
    ],
)
def test_the_machine_in_words_says_what_int8_can_gain(sets, words):
    assert machine_in_words({"cpu": "Drawn CPU", "cores": 2, "instruction_sets": sets}) == words


def test_instruction_sets_are_named_for_a_reader_in_their_order(monkeypatch):
    monkeypatch.setattr(machine, "_cpu", lambda: ("Drawn CPU", {"amx_int8", "sse2", "avx512_vnni", "avx2"}))
    assert instruction_sets() == ["AVX2", "AVX-512 VNNI", "AMX INT8"]


def test_a_processor_without_flags_has_no_instruction_sets(monkeypatch):
    monkeypatch.setattr(machine, "_cpu", lambda: ("Drawn CPU", set()))
    assert instruction_sets() == []


@pytest.fixture
def ticks(monkeypatch):
    """`ticks(first, second, ...)` is what /proc/stat says each time: user nice system idle iowait irq softirq steal.

    Two more fields follow there, guests, which user and nice hold already.
    """

    def say(*lines: str) -> None:
        texts = iter(f"cpu  {line} {900 + 50 * number} 0\ncpu0 1 2 3\n" for number, line in enumerate(lines))
        monkeypatch.setattr(Path, "is_file", lambda path: True)
        monkeypatch.setattr(Path, "read_text", lambda path: next(texts))

    return say


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("100 0 50 1080 20 0 0 0", 0.0),  # 80 of 80 idle
        ("120 0 50 1080 20 0 0 0", 0.2),  # 20 of 100 by a user
        ("100 0 50 1000 20 0 0 50", 1.0),  # 50 of 50 taken by another virtual machine
        ("110 0 60 1050 30 0 0 0", 0.25),  # 20 of 80; the 10 that waited for the disk are idle
    ],
)
def test_the_busy_share_is_what_was_neither_idle_nor_waiting(ticks, after, expected):
    ticks("100 0 50 1000 20 0 0 0", after)
    assert busy_share(seconds=0) == expected


def test_a_clock_that_stands_still_says_nothing(ticks):
    ticks("100 0 50 1000 20 0 0 0", "100 0 50 1000 20 0 0 0")
    assert busy_share(seconds=0) is None


def test_without_proc_nothing_is_known_of_others(monkeypatch):
    monkeypatch.setattr(Path, "is_file", lambda path: False)
    assert busy_share(seconds=0) is None


@pytest.fixture
def own_seconds(monkeypatch):
    """`own_seconds(1.0, 1.5)` is what this process has used of the processor before and after."""
    return lambda *seconds: monkeypatch.setattr(machine, "_own_seconds", iter(seconds).__next__)


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        (0.0, 0.5),  # of 400 ticks, 4 s of all cores, 200 were taken, none by this process
        (1.0, 0.25),  # a second of the four
        (2.0, 0.0),  # all that was taken
        (2.1, 0.0),  # the two clocks are not quite the same
    ],
)
def test_what_others_took_is_what_was_taken_less_our_own(ticks, own_seconds, monkeypatch, own, expected):
    monkeypatch.setattr("os.sysconf", lambda name: 100)  # ticks a second
    # others() looks twice: once for all that was taken.
    after = "300 0 50 1200 0 0 0 0"
    ticks("100 0 50 1000 0 0 0 0", after, after)
    own_seconds(5.0, 5.0 + own)
    assert Load().others() == expected


def test_the_load_begins_when_it_is_made(ticks):
    ticks("100 0 50 1000 0 0 0 0", "150 0 50 1050 0 0 0 0", "150 0 50 1150 0 0 0 0")
    load = Load()
    assert load.all() == 0.5  # 50 of 100
    assert load.all() == 0.25  # 50 of 200


def test_of_a_clock_that_stands_still_nothing_is_known_of_others(ticks):
    still = "100 0 50 1000 20 0 0 0"
    ticks(still, still, still)
    assert Load().others() is None


def test_without_proc_nothing_is_known_of_load(monkeypatch):
    monkeypatch.setattr(Path, "is_file", lambda path: False)
    assert Load().all() is None
    assert Load().others() is None


def untuned(monkeypatch) -> None:
    for name in (*allocator.TUNED, "LD_PRELOAD"):
        monkeypatch.delenv(name, raising=False)


@LINUX
def test_the_allocator_is_named_as_it_comes_and_told_to_keep_its_memory(monkeypatch):
    untuned(monkeypatch)
    as_it_comes = allocator.describe_allocator()
    assert as_it_comes.endswith(" malloc")
    for name, value in allocator.TUNED.items():
        assert not allocator.is_tuned()
        monkeypatch.setenv(name, value)
    assert allocator.is_tuned()
    assert allocator.describe_allocator() == f"{as_it_comes}, told to keep its memory"


def test_a_preloaded_allocator_is_named(monkeypatch):
    untuned(monkeypatch)
    monkeypatch.setenv("LD_PRELOAD", "/usr/lib/libjemalloc.so.2")
    assert allocator.describe_allocator() == "jemalloc"


FAULTS = """
import resource, sys
import numpy as np
from engine import allocator

if sys.argv[1] == "tuned":
    allocator.tune()
    allocator.tune()  # once more changes nothing
buffers = [np.ones(40 * 2**20, np.uint8)]  # 40 MB: more than glibc ever keeps by itself
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    buffers[0] = None
    buffers[0] = np.ones(40 * 2**20, np.uint8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before, allocator.describe_allocator(), sep="; ")
"""


@LINUX
def test_a_tuned_process_keeps_its_memory_and_says_so(monkeypatch):
    untuned(monkeypatch)
    monkeypatch.setenv("NUMPY_MADVISE_HUGEPAGE", "0")
    faults = {}
    for way in ("default", "tuned"):
        done = subprocess.run(
            [sys.executable, "-c", FAULTS, way], capture_output=True, text=True, check=True,
            cwd=Path(__file__).resolve().parents[2],
        )  # fmt: skip
        count, _, said = done.stdout.partition("; ")
        faults[way] = int(count)
        assert ("told to keep its memory" in said) == (way == "tuned")
    # Taken anew, 10 times 40 MB are 102,400 pages of 4 kB, each a fault.
    assert faults["default"] > 100_000
    assert faults["tuned"] < 1_000
