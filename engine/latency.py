"""How long backends take, so that the comparison is fair.

Backends run in turn, in random order within each round, so that a busy moment of the machine strikes all alike. Each is
warm before the first round, and each timed call follows an untimed one of the same backend: the threads of the backend
before it (OpenMP's spin for a while after PyTorch's last layer) would slow it otherwise, OpenVINO INT8 by half on two
cores. What is reported are medians, tails and ratios with a bootstrap interval, not means.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from engine.errors import InferenceError
from engine.images import Picture, read_picture
from engine.segmenter import STAGES as ALL_STAGES
from engine.segmenter import Segmentation, Segmenter

STAGES = ALL_STAGES[1:]  # the picture is read already
WARM_UP_CALLS = 3
WARM_UP_SECONDS = 2.0
STEADY = 0.05  # warm once a call differs from the one before by less than this share
BOOTSTRAP_SAMPLES = 2000
NOISY_WIDTH = 0.25  # an interval wider than this share of the ratio is no basis for a verdict

Samples = np.ndarray
"""float64 (rounds, 3): milliseconds by `STAGES`, round after round."""


def warm_up(segmenter: Segmenter, picture: Picture) -> None:
    """Calls until two calls in a row take about as long, three times at least, two seconds at most."""
    deadline = time.perf_counter() + WARM_UP_SECONDS
    before = np.inf
    for call in range(10_000):
        started = time.perf_counter()
        segmenter.segment(picture)
        took = time.perf_counter() - started
        is_steady = abs(took - before) <= STEADY * took
        if call >= WARM_UP_CALLS - 1 and (is_steady or time.perf_counter() > deadline):
            return
        before = took


@dataclass(frozen=True)
class Measurement:
    """What was timed.

    Attributes:
        samples: by backend, of those that ran to the end; all have the same rounds.
        read_ms: float64 (rounds,), reading and decoding the round's picture; zeros where it was decoded already.
        failures: why a backend was left out, by backend: the runtime failed in the middle.
        cancelled: stopped before its time; the rounds are whole all the same.
    """

    samples: dict[str, Samples]
    read_ms: np.ndarray
    failures: dict[str, str] = field(default_factory=dict)
    cancelled: bool = False


def measure(
    segmenters: Mapping[str, Segmenter],
    sources: Sequence[Picture | bytes],
    rounds: int = 7,
    seconds: float | None = None,
    seed: int = 0,
    on_progress: Callable[[float], None] = lambda share: None,
) -> Measurement:
    """Times every segmenter on the same pictures; Ctrl-C ends it early and keeps the whole rounds.

    Args:
        segmenters: by name, all of one model.
        sources: pictures, a round each in turn; the bytes of a file are read and decoded in every round, once.
        rounds: calls of each.
        seconds: where given, as many rounds as fit, `rounds` at least.
        seed: of the order within the rounds.
        on_progress: told the share done, 0 to 1.
    """
    failures: dict[str, str] = {}
    samples: dict[str, list[list[float]]] = {name: [] for name in segmenters}
    read_ms: list[float] = []
    rng = np.random.default_rng(seed)
    cancelled = False

    def segment(name: str, picture: Picture) -> Segmentation | None:
        try:
            return segmenters[name].segment(picture)
        except InferenceError as error:
            failures[name] = str(error)
            return None

    try:
        first, _ = _decoded(sources[0], segmenters)
        for name, segmenter in segmenters.items():
            try:
                warm_up(segmenter, first)
            except InferenceError as error:
                failures[name] = str(error)
        started = time.perf_counter()
        while len(read_ms) < rounds or (seconds is not None and time.perf_counter() - started < seconds):
            picture, took_ms = _decoded(sources[len(read_ms) % len(sources)], segmenters)
            for name in rng.permutation([name for name in segmenters if name not in failures]):
                if segment(name, picture) and (timed := segment(name, picture)):
                    samples[name].append([timed.timings[stage] for stage in STAGES])
            if len(failures) == len(segmenters):
                break
            read_ms.append(took_ms)
            elapsed = time.perf_counter() - started
            on_progress(min(1.0, len(read_ms) / rounds, elapsed / seconds if seconds else 1.0))
    except KeyboardInterrupt:
        cancelled = True
    whole = len(read_ms)
    kept = {name: np.array(rows[:whole]).reshape(-1, len(STAGES)) for name, rows in samples.items()}
    return Measurement(
        {name: rows for name, rows in kept.items() if name not in failures and whole},
        np.array(read_ms),
        failures,
        cancelled,
    )


def _decoded(source: Picture | bytes, segmenters: Mapping[str, Segmenter]) -> tuple[Picture, float]:
    """A picture as `Segmenter.predict` reads it, and the milliseconds that took."""
    if isinstance(source, Picture):
        return source, 0.0
    started = time.perf_counter()
    picture = read_picture(source, needed_hw=next(iter(segmenters.values())).spec.size_hw)
    return picture, (time.perf_counter() - started) * 1e3


def summarise(samples: Samples) -> dict:
    """A backend's entry in `benchmark --json`: latency, stages, throughput."""
    total = samples.sum(axis=1)
    return {
        "latency_ms": tails(total),
        "stages_ms": dict(zip(STAGES, np.median(samples, axis=0).tolist(), strict=True)),
        "throughput_fps": float(1000 / np.mean(total)),
    }


def tails(times_ms: np.ndarray) -> dict[str, float]:
    """Median, 90th and 99th percentile.

    Example:
        10, 20, 30, 40, 100 give 30, 76 and 97.6.
    """
    median, p90, p99 = (float(x) for x in np.percentile(times_ms, [50, 90, 99]))
    return {"median": median, "p90": p90, "p99": p99}


def compare(slow: Samples, fast: Samples, seed: int = 0) -> dict:
    """How many times faster `fast` is than `slow`: the ratio of medians, its 95 % interval, a verdict.

    Rounds are resampled in pairs, since both ran in each.

    Source: the percentile bootstrap of Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.

    Example:
        `slow` 10 ms and `fast` 5 ms in every round give 2.0, interval 2.0 to 2.0, "faster".
    """
    slow_ms, fast_ms = slow.sum(axis=1), fast.sum(axis=1)
    rng = np.random.default_rng(seed)
    rounds = rng.integers(len(slow_ms), size=(BOOTSTRAP_SAMPLES, len(slow_ms)))
    ratios = np.median(slow_ms[rounds], axis=1) / np.median(fast_ms[rounds], axis=1)
    low, high = (float(x) for x in np.percentile(ratios, [2.5, 97.5]))
    ratio = float(np.median(slow_ms) / np.median(fast_ms))
    return {"median": ratio, "ci95": [low, high], "verdict": verdict(ratio, low, high)}


def compare_all(samples: Mapping[str, Samples]) -> dict[str, dict]:
    """Every pair, in the order of `samples`: the "ratios" of `benchmark --json`, by "A/B"."""
    return {f"{a}/{b}": compare(samples[a], samples[b]) for a, b in combinations(samples, 2)}


def verdict(ratio: float, low: float, high: float) -> str:
    """The interval in words; a very wide one is no basis for anything, 1.0 inside it is no difference."""
    if high - low > NOISY_WIDTH * ratio:
        return "too noisy: repeat"
    if low > 1:
        return "faster"
    return "slower" if high < 1 else "no significant difference"
