"""Verdicts and summaries by hand, and that the rounds are fair."""

import time

import numpy as np
import pytest

from engine.backends.fake import FakeBackend
from engine.images import Picture
from engine.latency import compare, measure, summarise, verdict, warm_up
from engine.machine import describe_machine, machine_in_words
from engine.segmenter import Segmenter

NAMES = ("first", "second", "third")
ROUNDS = 20


class CountingBackend(FakeBackend):
    """Writes its name into a list that several share, call by call."""

    def __init__(self, name: str, calls: list[str]) -> None:
        super().__init__()
        self.name = name
        self.calls = calls

    def infer(self, batch: np.ndarray) -> np.ndarray:
        self.calls.append(self.name)
        return super().infer(batch)


def samples(*total_ms: float) -> np.ndarray:
    """Rounds whose stages are a quarter, a half and a quarter of the total."""
    return np.array(total_ms)[:, None] * [0.25, 0.5, 0.25]


@pytest.fixture
def picture() -> Picture:
    return Picture(np.zeros((32, 32, 3), np.uint8), (32, 32))


@pytest.fixture
def calls() -> list[str]:
    return []


@pytest.fixture
def segmenters(model, calls) -> dict[str, Segmenter]:
    return {name: Segmenter(model.spec, CountingBackend(name, calls)) for name in NAMES}


def test_a_summary_gives_median_tails_stages_and_throughput():
    # Totals 10, 20, 30, 40, 100: median 30, mean 40, so 1000 / 40 = 25 a second.
    # p90 lies at 0.9 * 4 = 3.6 of the way: 40 + 0.6 * 60 = 76. p99 at 3.96: 40 + 0.96 * 60 = 97.6.
    assert summarise(samples(10, 20, 30, 40, 100)) == {
        "latency_ms": {"median": 30.0, "p90": pytest.approx(76), "p99": pytest.approx(97.6)},
        "stages_ms": {"preprocess": 7.5, "infer": 15.0, "postprocess": 7.5},
        "throughput_fps": pytest.approx(25),
    }


def test_half_the_time_is_twice_as_fast():
    assert compare(samples(*[10] * 9), samples(*[5] * 9)) == {"median": 2.0, "ci95": [2.0, 2.0], "verdict": "faster"}


def test_twice_the_time_is_slower():
    assert compare(samples(*[5] * 9), samples(*[10] * 9)) == {"median": 0.5, "ci95": [0.5, 0.5], "verdict": "slower"}


def test_the_same_samples_are_no_different():
    times = samples(*np.random.default_rng(0).normal(10, 3, 30))
    assert compare(times, times) == {"median": 1.0, "ci95": [1.0, 1.0], "verdict": "no significant difference"}


def test_two_backends_of_one_speed_are_no_different():
    rng = np.random.default_rng(0)
    result = compare(samples(*rng.normal(10, 0.3, 50)), samples(*rng.normal(10, 0.3, 50)))
    assert result["ci95"][0] < 1 < result["ci95"][1]
    assert result["verdict"] == "no significant difference"


def test_a_few_wild_rounds_are_no_basis_for_a_verdict():
    assert compare(samples(5, 50, 10, 20), samples(10, 10, 40, 5))["verdict"] == "too noisy: repeat"


@pytest.mark.parametrize(
    ("ratio", "low", "high", "words"),
    [
        (1.5, 1.01, 2.5, "faster"),  # clear, though wide
        (0.8, 0.7, 0.99, "slower"),
        (1.0, 0.95, 1.05, "no significant difference"),
        (2.0, 0.8, 1.29, "no significant difference"),  # 0.49 wide, 0.5 allowed: a quarter of 2
        (2.0, 0.8, 1.31, "too noisy: repeat"),
    ],
)
def test_the_verdict_puts_the_interval_in_words(ratio, low, high, words):
    assert verdict(ratio, low, high) == words


def rounds_of(calls: list[str]) -> list[list[str]]:
    """The calls of each round: every backend twice, since an untimed call goes before the timed one."""
    length = 2 * len(NAMES)
    measured = calls[-ROUNDS * length :]
    return [measured[i : i + length] for i in range(0, len(measured), length)]


def test_every_backend_runs_every_round(segmenters, calls, picture):
    result = measure(segmenters, picture, rounds=ROUNDS)
    assert list(result) == list(NAMES)
    assert all(rows.shape == (ROUNDS, 3) for rows in result.values())
    assert all((rows > 0).all() for rows in result.values())
    assert all(sorted(calls_of_round) == sorted(NAMES * 2) for calls_of_round in rounds_of(calls))


def test_a_timed_call_follows_an_untimed_one_of_the_same_backend(segmenters, calls, picture):
    measure(segmenters, picture, rounds=ROUNDS)
    assert all(order[::2] == order[1::2] for order in rounds_of(calls))


def test_the_order_differs_between_rounds(segmenters, calls, picture):
    measure(segmenters, picture, rounds=ROUNDS)
    assert len({tuple(order) for order in rounds_of(calls)}) > 2


def test_every_backend_is_warm_before_the_first_round(segmenters, calls, picture):
    measure(segmenters, picture, rounds=ROUNDS)
    before = calls[: -ROUNDS * 2 * len(NAMES)]
    assert all(before.count(name) >= 3 for name in NAMES)


def test_warming_up_ends(segmenters, calls, picture):
    warm_up(segmenters["first"], picture)
    assert 3 <= len(calls) <= 10_000


def test_the_rounds_asked_for_run_even_where_the_time_is_short(segmenters, picture):
    assert all(rows.shape == (5, 3) for rows in measure(segmenters, picture, rounds=5, seconds=1e-9).values())


def test_rounds_go_on_until_the_time_is_over(segmenters, picture):
    started = time.perf_counter()
    measure(segmenters, picture, rounds=1, seconds=0.5)
    assert time.perf_counter() - started >= 0.5


def test_progress_rises_to_the_end(segmenters, picture):
    shares: list[float] = []
    measure(segmenters, picture, rounds=4, on_progress=shares.append)
    assert shares == [0.25, 0.5, 0.75, 1.0]


def test_the_machine_is_described():
    machine = describe_machine()
    assert machine["cpu"]
    assert machine["cores"] >= 1
    assert {"torch", "openvino", "onnxruntime", "numpy"} <= set(machine["versions"])


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        (["AVX2"], "Drawn CPU, 2 cores, AVX2, no VNNI: INT8 can gain up to about 2.4x here"),
        (["AVX2", "AVX-512", "AVX-512 VNNI"], "Drawn CPU, 2 cores, AVX-512 VNNI: INT8 can gain up to about 4x here"),
    ],
)
def test_the_machine_in_words_says_what_int8_can_gain(sets, words):
    assert machine_in_words({"cpu": "Drawn CPU", "cores": 2, "instruction_sets": sets}) == words
