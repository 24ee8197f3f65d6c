"""Verdicts and summaries by hand, and that the rounds are fair."""

import time

import numpy as np
import pytest

from engine.backends.fake import FakeBackend
from engine.errors import InputError
from engine.images import Picture
from engine.latency import Rounds, compare, compare_all, measure, summarise, tails, verdict, warm_up
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


class StoppedBackend(FakeBackend):
    """Ctrl-C comes while it works, once it is told so."""

    is_stopped = False

    def infer(self, batch: np.ndarray) -> np.ndarray:
        if self.is_stopped:
            raise KeyboardInterrupt
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
        (1.2, 1.01, 1.3, "faster"),  # 0.29 wide, 0.3 allowed: a quarter of 1.2
        (1.2, 1.01, 1.32, "too noisy: repeat"),  # 0.31 wide, though all of it is above 1
        (0.8, 0.8, 0.99, "slower"),
        (0.8, 0.7, 0.99, "too noisy: repeat"),  # 0.29 wide, 0.2 allowed
        (1.5, 1.0, 1.3, "no significant difference"),  # 1 itself is inside
        (1.0, 0.95, 1.05, "no significant difference"),
        (2.0, 0.8, 1.29, "no significant difference"),  # 0.49 wide, 0.5 allowed: a quarter of 2
        (2.0, 0.8, 1.31, "too noisy: repeat"),
    ],
)
def test_the_verdict_puts_the_interval_in_words(ratio, low, high, words):
    assert verdict(ratio, low, high) == words


def test_tails_are_the_median_and_what_nine_and_ninety_nine_in_a_hundred_keep():
    # 0.9 * 4 = 3.6 of the way: 40 + 0.6 * 60 = 76; 0.99 * 4 = 3.96: 40 + 0.96 * 60 = 97.6.
    expected = {"median": 30, "p90": pytest.approx(76), "p99": pytest.approx(97.6)}
    assert tails(np.array([100, 10, 30, 20, 40])) == expected


def test_every_pair_is_compared_the_earlier_with_the_later():
    # 20 ms against 10 and 5, 10 against 5.
    ratios = compare_all({"a": samples(*[20] * 9), "b": samples(*[10] * 9), "c": samples(*[5] * 9)})
    assert {pair: ratio["median"] for pair, ratio in ratios.items()} == {"a/b": 2, "a/c": 4, "b/c": 2}
    assert list(ratios) == ["a/b", "a/c", "b/c"]
    assert compare_all({"a": samples(1, 2)}) == {}


def rounds_of(calls: list[str]) -> list[list[str]]:
    """The calls of each round: every backend twice, since an untimed call goes before the timed one."""
    length = 2 * len(NAMES)
    measured = calls[-ROUNDS * length :]
    return [measured[i : i + length] for i in range(0, len(measured), length)]


def test_every_backend_runs_every_round(segmenters, calls, picture):
    result = measure(segmenters, [picture], rounds=ROUNDS)
    assert list(result.samples) == list(NAMES)
    assert all(rows.shape == (ROUNDS, 3) for rows in result.samples.values())
    assert all((rows > 0).all() for rows in result.samples.values())
    assert (result.failures, result.cancelled) == ({}, False)
    assert all(sorted(calls_of_round) == sorted(NAMES * 2) for calls_of_round in rounds_of(calls))


def test_a_timed_call_follows_an_untimed_one_of_the_same_backend(segmenters, calls, picture):
    measure(segmenters, [picture], rounds=ROUNDS)
    assert all(order[::2] == order[1::2] for order in rounds_of(calls))


def test_the_order_differs_between_rounds(segmenters, calls, picture):
    measure(segmenters, [picture], rounds=ROUNDS)
    assert len({tuple(order) for order in rounds_of(calls)}) > 2


def test_every_backend_is_warm_before_the_first_round(segmenters, calls, picture):
    measure(segmenters, [picture], rounds=ROUNDS)
    before = calls[: -ROUNDS * 2 * len(NAMES)]
    assert all(before.count(name) >= 3 for name in NAMES)


def test_warming_up_ends(segmenters, calls, picture):
    warm_up(segmenters["first"], picture)
    assert 3 <= len(calls) <= 10_000


def test_the_rounds_asked_for_run_even_where_the_time_is_short(segmenters, picture):
    samples = measure(segmenters, [picture], rounds=5, seconds=1e-9).samples
    assert all(rows.shape == (5, 3) for rows in samples.values())


def test_rounds_go_on_until_the_time_is_over(segmenters, picture):
    started = time.perf_counter()
    measure(segmenters, [picture], rounds=1, seconds=0.5)
    assert time.perf_counter() - started >= 0.5


def test_progress_rises_to_the_end(segmenters, picture):
    shares: list[float] = []
    measure(segmenters, [picture], rounds=4, on_progress=shares.append)
    assert shares == [0.25, 0.5, 0.75, 1.0]


def test_a_decoded_picture_takes_no_time_to_read(segmenters, picture):
    assert measure(segmenters, [picture], rounds=3).read_ms.tolist() == [0, 0, 0]


def test_a_file_is_read_once_a_round(segmenters, encoded, picture):
    read_ms = measure(segmenters, [encoded(picture.image)], rounds=3).read_ms
    assert read_ms.shape == (3,)
    assert (read_ms > 0).all()


def test_several_pictures_take_a_round_each_in_turn(model):
    class Seeing(FakeBackend):
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[int] = []

        def infer(self, batch: np.ndarray) -> np.ndarray:
            self.seen.append(int(batch[0, 0, 0, 0]))
            return super().infer(batch)

    backend = Seeing()
    pictures = [Picture(np.full((32, 32, 3), value, np.uint8), (32, 32)) for value in (10, 20, 30)]
    measure({"seeing": Segmenter(model.spec, backend)}, pictures, rounds=4)
    # Two calls a round; the fourth begins with the first picture again.
    assert backend.seen[-8:] == [10, 10, 20, 20, 30, 30, 10, 10]


def test_a_file_that_is_no_picture_is_refused(segmenters):
    with pytest.raises(InputError, match="The picture is not a picture we can read"):
        measure(segmenters, [b"Dear cat,"])


def test_a_backend_that_fails_in_the_middle_is_left_out_with_its_reason(model, segmenters, picture):
    backend = FakeBackend()

    def fail_after_two_rounds(share: float) -> None:
        if share == 0.5:
            backend.failure = RuntimeError("out of memory")

    segmenters = {"failing": Segmenter(model.spec, backend), **segmenters}
    result = measure(segmenters, [picture], rounds=4, on_progress=fail_after_two_rounds)
    assert list(result.samples) == list(NAMES)
    assert all(rows.shape == (4, 3) for rows in result.samples.values())
    assert result.failures == {"failing": "The fake backend failed (out of memory)."}
    assert not result.cancelled


def test_a_backend_that_never_works_is_left_out_with_its_reason(model, segmenters, picture):
    segmenters["failing"] = Segmenter(model.spec, FakeBackend(RuntimeError("no memory")))
    result = measure(segmenters, [picture], rounds=2)
    assert list(result.samples) == list(NAMES)
    assert result.failures == {"failing": "The fake backend failed (no memory)."}


def test_where_every_backend_fails_nothing_is_measured(model, picture):
    failing = Segmenter(model.spec, FakeBackend(RuntimeError("no memory")))
    result = measure({"one": failing, "other": failing}, [picture], seconds=60)
    assert (result.samples, len(result.read_ms)) == ({}, 0)
    assert list(result.failures) == ["one", "other"]


def test_ctrl_c_in_the_middle_of_a_round_keeps_the_whole_rounds(model, segmenters, picture):
    backend = StoppedBackend()

    def stop_after_three_rounds(share: float) -> None:
        backend.is_stopped = share == 0.75

    segmenters["stopped"] = Segmenter(model.spec, backend)
    result = measure(segmenters, [picture], rounds=4, on_progress=stop_after_three_rounds)
    assert result.cancelled
    assert list(result.samples) == [*NAMES, "stopped"]
    assert {rows.shape for rows in result.samples.values()} == {(3, 3)}
    assert result.read_ms.shape == (3,)
    assert result.failures == {}


def test_ctrl_c_before_the_first_round_keeps_nothing(model, segmenters, picture):
    segmenters["stopped"] = Segmenter(model.spec, StoppedBackend())
    segmenters["stopped"].backend.is_stopped = True
    result = measure(segmenters, [picture], rounds=4)
    assert (result.samples, len(result.read_ms), result.cancelled) == ({}, 0, True)


# --- A round at a time ---


def test_a_round_calls_every_backend_once_untimed_and_once_timed(segmenters, calls, picture):
    timing = Rounds(segmenters, [picture])
    assert (timing.done, timing.is_over) == (0, False)
    timing.run()
    assert timing.done == 1
    assert sorted(calls) == sorted(NAMES * 2)
    assert calls[::2] == calls[1::2]


def test_rounds_can_be_read_at_any_time(segmenters, picture):
    timing = Rounds(segmenters, [picture])
    nothing = timing.measurement()
    assert (nothing.samples, len(nothing.read_ms), nothing.cancelled) == ({}, 0, False)
    for number in (1, 2, 3):
        timing.run()
        measured = timing.measurement()
        assert {name: rows.shape for name, rows in measured.samples.items()} == dict.fromkeys(NAMES, (number, 3))
        assert measured.read_ms.tolist() == [0] * number  # the picture is read already
    assert timing.measurement(cancelled=True).cancelled


def test_between_two_rounds_nothing_runs(segmenters, calls, picture):
    timing = Rounds(segmenters, [picture])
    timing.run()
    before = len(calls)
    timing.measurement()
    assert len(calls) == before


def test_the_pictures_of_the_rounds_come_in_turn(model):
    read: list[int] = []

    class Noting(FakeBackend):
        def infer(self, batch: np.ndarray) -> np.ndarray:
            read.append(int(batch.mean()))
            return super().infer(batch)

    shades = [Picture(np.full((32, 32, 3), shade, np.uint8), (32, 32)) for shade in (10, 20)]
    timing = Rounds({"noting": Segmenter(model.spec, Noting())}, shades)
    for _ in range(3):
        timing.run()
    assert read == [10, 10, 20, 20, 10, 10]


def test_warming_up_is_no_round(segmenters, calls, picture):
    timing = Rounds(segmenters, [picture])
    timing.warm_up()
    assert timing.done == 0
    assert all(calls.count(name) >= 3 for name in NAMES)


def test_a_backend_that_fails_in_a_round_is_left_out_of_it_and_of_the_next(model, segmenters, calls, picture):
    backend = CountingBackend("failing", calls)
    timing = Rounds({"failing": Segmenter(model.spec, backend), **segmenters}, [picture])
    timing.run()
    backend.failure = RuntimeError("out of memory")
    timing.run()
    before = calls.count("failing")
    timing.run()
    assert calls.count("failing") == before
    measured = timing.measurement()
    assert list(measured.samples) == list(NAMES)
    assert all(len(rows) == 3 for rows in measured.samples.values())
    assert measured.failures == {"failing": "The fake backend failed (out of memory)."}
    assert not timing.is_over


def test_the_rounds_are_over_once_every_backend_has_failed(model, picture):
    timing = Rounds({"one": Segmenter(model.spec, FakeBackend(RuntimeError("no memory")))}, [picture])
    assert not timing.is_over
    timing.run()
    assert timing.is_over
    assert timing.done == 0
    assert timing.measurement().samples == {}


def test_without_a_backend_the_rounds_are_over_before_they_begin(picture):
    assert Rounds({}, [picture]).is_over
