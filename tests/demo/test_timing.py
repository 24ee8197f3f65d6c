"""Lanes timed on one photo: said in words, stopped when nobody wants it, one at a time on the machine."""

import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from demo import timing
from demo.answers import Answers
from demo.lanes import Lanes
from demo.timing import FEWEST, Effort, Timings, time_lanes
from engine.backends.fake import FakeBackend
from engine.images import Picture
from engine.latency import Measurement
from engine.segmenter import Segmenter
from engine.turn import is_taken, try_turn

ROOT = Path(__file__).resolve().parents[2]
SOON = 30
READY, TIMING = "Getting the runtimes ready.", "Timing the runtimes."
WAITING = "Something else is being timed on this machine. This photo comes next."
TWO_ROUNDS = Effort(rounds=2, seconds=60)
ENDLESS = Effort(rounds=10**9, seconds=10**9)

pytestmark = pytest.mark.usefixtures("own_folder")


class CountingBackend(FakeBackend):
    """Counts its calls."""

    def __init__(self, failure: Exception | None = None) -> None:
        super().__init__(failure)
        self.calls = 0
        self.is_asked = threading.Event()

    def infer(self, batch: np.ndarray) -> np.ndarray:
        self.calls += 1
        self.is_asked.set()
        return super().infer(batch)


@pytest.fixture
def backends() -> dict[str, CountingBackend]:
    return {"torch": CountingBackend(), "openvino-int8": CountingBackend()}


@pytest.fixture
def lanes(spec, backends) -> Lanes:
    return Lanes(spec, lambda name: Segmenter(spec, backends[name]), tuple(backends))


@pytest.fixture
def picture() -> Picture:
    return Picture(np.zeros((32, 32, 3), np.uint8), (32, 32))


@pytest.fixture
def look_often(monkeypatch) -> None:
    monkeypatch.setattr(timing, "LOOK_SECONDS", 0.01)


def finished(steps: Generator[str, None, Timings | None]) -> tuple[list[str], Timings | None]:
    """What a timing says, and what comes of it."""
    said = []
    while True:
        try:
            said.append(next(steps))
        except StopIteration as done:
            return said, done.value


def wanted(times: int) -> Callable[[], bool]:
    """Says so many times that it is wanted, then no more."""
    asked = iter(range(times))
    return lambda: next(asked, None) is not None


def test_a_timing_says_what_it_does_and_gives_the_rounds(lanes, picture):
    said, timings = finished(time_lanes(lanes, picture, TWO_ROUNDS))
    assert said == [READY, TIMING]
    assert {name: rows.shape for name, rows in timings.measured.samples.items()} == dict.fromkeys(lanes.names, (2, 3))
    assert timings.failures == {}
    assert timings.other_load is None or 0 <= timings.other_load <= 1


def test_the_figures_are_those_of_a_benchmark():
    # 10 ms and 5 ms in each of three rounds: twice as fast, 1000 / 5 = 200 a second.
    slow, fast = np.full((3, 3), 10 / 3), np.full((3, 3), 5 / 3)
    measured = Measurement({"torch": slow, "openvino-int8": fast}, np.zeros(3))
    numbers = Timings(measured, {"torchscript": "no memory"}, 0.25).numbers()
    assert numbers["backends"]["openvino-int8"]["latency_ms"]["median"] == pytest.approx(5)
    assert numbers["backends"]["openvino-int8"]["throughput_fps"] == pytest.approx(200)
    assert numbers["ratios"]["torch/openvino-int8"]["median"] == pytest.approx(2)
    assert numbers["ratios"]["torch/openvino-int8"]["ci95"] == pytest.approx([2, 2])
    assert (numbers["rounds"], numbers["other_load"]) == (3, 0.25)
    assert numbers["unavailable"] == {"torchscript": "no memory"}


def test_without_time_the_fewest_rounds_are_run_all_the_same(lanes, picture):
    _, timings = finished(time_lanes(lanes, picture, Effort(rounds=100, seconds=0)))
    assert timings.numbers()["rounds"] == FEWEST == 3


def test_a_timing_ends_when_its_time_is_over(lanes, picture):
    _, timings = finished(time_lanes(lanes, picture, Effort(rounds=10**9, seconds=0.3)))
    assert timings.numbers()["rounds"] >= FEWEST


def test_what_nobody_wants_is_not_begun(lanes, backends, picture):
    said, timings = finished(time_lanes(lanes, picture, TWO_ROUNDS, lambda: False))
    assert (said, timings) == ([READY], None)
    assert backends["torch"].calls == 0


def test_what_is_not_wanted_any_more_stops_before_the_next_round(lanes, backends, picture):
    # Asked before it takes the turn, and before each round: wanted for two of them.
    _, timings = finished(time_lanes(lanes, picture, ENDLESS, wanted(3)))
    assert timings is None
    assert backends["torch"].calls == 2 * 2  # an untimed call and a timed one in a round
    assert not is_taken()


def test_a_lane_that_cannot_run_is_named_and_the_others_are_timed(lanes_without_torch, picture):
    _, timings = finished(time_lanes(lanes_without_torch, picture, TWO_ROUNDS))
    assert list(timings.measured.samples) == ["openvino-fp32", "openvino-int8"]
    assert timings.failures == dict.fromkeys(
        ("torch", "torchscript"), "The backend torch needs a package that is missing."
    )


def test_a_lane_that_fails_in_the_middle_is_named_and_the_others_are_timed(lanes, backends, picture):
    backends["torch"].failure = RuntimeError("out of memory")
    _, timings = finished(time_lanes(lanes, picture, TWO_ROUNDS))
    assert list(timings.measured.samples) == ["openvino-int8"]
    assert timings.failures == {"torch": "The fake backend failed (out of memory)."}


def test_where_every_lane_fails_nothing_is_measured(lanes, backends, picture):
    for backend in backends.values():
        backend.failure = RuntimeError("no memory")
    _, timings = finished(time_lanes(lanes, picture, ENDLESS))
    assert timings.measured.samples == {}
    assert timings.numbers()["rounds"] == 0
    assert list(timings.failures) == ["torch", "openvino-int8"]


@pytest.mark.usefixtures("look_often")
def test_a_timing_waits_for_another_and_says_so(lanes, backends, picture):
    steps = time_lanes(lanes, picture, TWO_ROUNDS)
    with try_turn() as is_mine:
        assert is_mine
        assert [next(steps) for _ in range(3)] == [READY, WAITING, WAITING]
        assert backends["torch"].calls == 0
    said, timings = finished(steps)
    assert said == [TIMING]
    assert timings.numbers()["rounds"] == 2


@pytest.mark.usefixtures("look_often")
def test_a_timing_waits_for_another_process(lanes, picture, own_folder):
    program = (
        "import sys\nfrom engine.turn import my_turn\nwith my_turn():\n print('mine', flush=True)\n sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as other:
        assert other.stdout.readline() == "mine\n"
        steps = time_lanes(lanes, picture, TWO_ROUNDS)
        assert [next(steps) for _ in range(2)] == [READY, WAITING]
        other.communicate()
    said, timings = finished(steps)
    assert (said, timings.numbers()["rounds"]) == ([TIMING], 2)


@pytest.mark.usefixtures("look_often")
def test_who_waits_stops_when_nobody_wants_it_any_more(lanes, backends, picture):
    with try_turn():
        said, timings = finished(time_lanes(lanes, picture, ENDLESS, wanted(2)))
    assert (said, timings) == ([READY, WAITING, WAITING], None)
    assert backends["torch"].calls == 0


def test_the_turn_is_taken_while_it_is_timed_and_given_back_after(lanes, picture):
    steps = time_lanes(lanes, picture, TWO_ROUNDS)
    assert [next(steps), next(steps)] == [READY, TIMING]
    assert is_taken()
    finished(steps)
    assert not is_taken()


def test_a_timing_that_is_closed_gives_the_turn_back(lanes, picture):
    steps = time_lanes(lanes, picture, ENDLESS)
    assert [next(steps), next(steps)] == [READY, TIMING]
    steps.close()
    assert not is_taken()


def test_a_photo_is_answered_while_another_is_timed(lanes, backends, picture, half_photo):
    is_wanted = threading.Event()
    is_wanted.set()
    with ThreadPoolExecutor(2) as people:
        timed = people.submit(finished, time_lanes(lanes, picture, ENDLESS, is_wanted.is_set))
        assert backends["openvino-int8"].is_asked.wait(SOON)
        try:
            assert people.submit(Answers(lanes).see, half_photo, "openvino-int8").result(SOON).has_pet
            assert not timed.done()
        finally:
            is_wanted.clear()
        assert timed.result(SOON)[1] is None
