"""Which settings are tried, what a point says, and which of them is the sweet spot."""

import threading

import numpy as np
import pytest

from engine import sweep as module
from engine.backends import BackendOptions
from engine.backends.fake import FakeBackend
from engine.errors import InferenceError, InputError
from engine.progress import Step
from engine.sweep import expected_seconds, in_words, measure_point, options_of, settings, sweep, sweet_spot

SIZE = (32, 32)
ONE = BackendOptions(threads=1, requests=1, batch=1)


def point(p90: float, throughput: float, **fields: object) -> dict:
    return {"latency_ms": {"median": p90 - 1, "p90": p90}, "throughput_fps": throughput, **fields}


@pytest.mark.parametrize(
    ("cores", "expected"),
    [
        (1, [(1, 1), (2, 1)]),
        (2, [(1, 1), (1, 2), (2, 1), (4, 1)]),
        # Requests x threads up to 4: 1 x 1, 2, 4; 2 x 1, 2; 4 x 1; and twice as many requests as cores.
        (4, [(1, 1), (1, 2), (1, 4), (2, 1), (2, 2), (4, 1), (8, 1)]),
        (6, [(1, 1), (1, 2), (1, 4), (1, 6), (2, 1), (2, 2), (4, 1), (6, 1), (12, 1)]),
    ],
)
def test_the_cores_are_divided_into_requests_and_threads(cores, expected):
    assert [(each.requests, each.threads) for each in settings(cores, batches=[1])] == expected


def test_every_division_is_tried_with_every_batch():
    tried = settings(2, batches=[1, 4])
    assert len(tried) == len(set(tried)) == 4 * 2
    assert {each.batch for each in tried} == {1, 4}


def test_a_sweep_is_expected_to_take_its_seconds_and_the_opening():
    assert expected_seconds([ONE] * 8, 2.0) == 8 * (2.0 + module.OPENING_SECONDS)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (BackendOptions(1, 2, 4), "2 requests x 1 thread x batch 4"),
        (BackendOptions(2, 1, 1), "1 request x 2 threads x batch 1"),
    ],
)
def test_a_setting_is_said_in_words(options, words):
    assert in_words(options) == words


def test_a_point_of_one_caller_is_synchronous():
    measured = measure_point(FakeBackend(), SIZE, ONE, seconds=0.05)
    assert {name: measured[name] for name in ("mode", "requests", "threads", "batch")} == {
        "mode": "synchronous", "requests": 1, "threads": 1, "batch": 1
    }  # fmt: skip
    assert 0 < measured["latency_ms"]["median"] <= measured["latency_ms"]["p90"]


class Countdown(FakeBackend):
    """Answers at once but for a clock that its calls move on: each takes 10 ms by it."""

    def __init__(self, clock: list[float]) -> None:
        super().__init__()
        self.clock = clock

    def infer(self, batch: np.ndarray) -> np.ndarray:
        self.clock[0] += 0.010
        return super().infer(batch)


def test_throughput_counts_the_pictures_of_a_batch(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(module.time, "perf_counter", lambda: clock[0])
    measured = measure_point(Countdown(clock), SIZE, BackendOptions(1, 1, 4), seconds=0.1)
    # Calls of 10 ms, each of 4 pictures: 400 pictures a second.
    assert measured["throughput_fps"] == pytest.approx(400)
    assert measured["latency_ms"] == {"median": pytest.approx(10), "p90": pytest.approx(10)}


def test_several_callers_call_at_once():
    together = threading.Barrier(3)

    class Meeting(FakeBackend):
        calls = 0

        def infer(self, batch: np.ndarray) -> np.ndarray:
            self.calls += 1
            if self.calls > module.WARM_UP_CALLS:
                together.wait(timeout=30)  # returns only where three calls are in it at once
            return super().infer(batch)

    measured = measure_point(Meeting(), SIZE, BackendOptions(1, 3, 1), seconds=0.0)
    assert (measured["mode"], measured["requests"]) == ("stream", 3)


def test_a_point_is_measured_with_batches_of_its_size():
    shapes = set()

    class Seeing(FakeBackend):
        def infer(self, batch: np.ndarray) -> np.ndarray:
            shapes.add(batch.shape)
            return super().infer(batch)

    measure_point(Seeing(), SIZE, BackendOptions(1, 2, 4), seconds=0.0)
    assert shapes == {(4, *SIZE, 3)}


def test_a_backend_that_fails_ends_the_point_with_its_words():
    with pytest.raises(InferenceError, match=r"The fake backend failed \(out of memory\)"):
        measure_point(FakeBackend(RuntimeError("out of memory")), SIZE, ONE, seconds=0.1)


# The example of `sweet_spot`, and a fourth point that is quick half of the time only.
POINTS = [point(5, 200), point(9, 250), point(20, 260), point(10.5, 400)]


@pytest.mark.parametrize(
    ("limit", "throughput"),
    [
        (10, 250),  # the fourth has a median of 9.5 and a p90 of 10.5
        (10.5, 400),
        (9, 250),  # the limit itself is kept
        (8.9, 200),
        (None, 400),
    ],
)
def test_the_sweet_spot_has_the_highest_throughput_within_the_limit(limit, throughput):
    assert sweet_spot(POINTS, limit)["throughput_fps"] == throughput


def test_there_may_be_no_sweet_spot():
    assert sweet_spot(POINTS, 4.9) is None
    assert sweet_spot([], None) is None


def test_a_point_keeps_its_options():
    options = BackendOptions(threads=2, requests=3, batch=4)
    assert options_of(measure_point(FakeBackend(), SIZE, options, seconds=0.0)) == options


@pytest.mark.slow
def test_a_sweep_measures_every_setting_and_tells_of_each(model):
    told: list[tuple[float, str]] = []
    tried = [ONE, BackendOptions(threads=1, requests=2, batch=2)]
    points, failed, cancelled = sweep(
        model, "openvino-int8", tried, 0.01, lambda step: told.append((step.share, step.what))
    )
    assert not failed
    assert not cancelled
    assert [options_of(each) for each in points] == tried
    # Two parts of equal length.
    assert told == [(0, "1 request x 1 thread x batch 1"), (0.5, "2 requests x 1 thread x batch 2")]


def test_a_setting_that_fails_is_named_and_the_others_are_measured(model, monkeypatch):
    def opened(backend: str, _: object, options: BackendOptions) -> FakeBackend:
        return FakeBackend(failure=RuntimeError("out of memory") if options.batch == 2 else None)

    monkeypatch.setattr("engine.sweep.open_backend", opened)
    tried = [BackendOptions(1, 1, 2), ONE]
    points, failed, cancelled = sweep(model, "openvino-int8", tried, 0.01)
    assert [options_of(each) for each in points] == [ONE]
    assert failed == {"1 request x 1 thread x batch 2": "The fake backend failed (out of memory)."}
    assert not cancelled


def test_ctrl_c_keeps_the_settings_that_are_done(model):
    def stop_at_the_second(step: Step) -> None:
        if step.done > 0:
            raise KeyboardInterrupt

    points, _, cancelled = sweep(model, "openvino-int8", [ONE, BackendOptions(1, 2, 1)], 0.01, stop_at_the_second)
    assert cancelled
    assert [options_of(each) for each in points] == [ONE]


def test_a_sweep_of_an_unknown_backend_is_refused(model):
    with pytest.raises(InputError, match="There is no backend 'tensorflow'"):
        sweep(model, "tensorflow", [ONE], 0.01)
