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


class Rounds:
    """Times segmenters on the same pictures, a round at a time: between two one can stop, or let others through.

    Args:
        segmenters: by name, all of one model.
        sources: pictures, a round each in turn; the bytes of a file are read and decoded in every round, once.
        seed: of the order within the rounds.
    """

    def __init__(self, segmenters: Mapping[str, Segmenter], sources: Sequence[Picture | bytes], seed: int = 0) -> None:
        self._segmenters = segmenters
        self._sources = sources
        self._rng = np.random.default_rng(seed)
        self._failures: dict[str, str] = {}
        self._samples: dict[str, list[list[float]]] = {name: [] for name in segmenters}
        self._read_ms: list[float] = []

    @property
    def done(self) -> int:
        """Whole rounds."""
        return len(self._read_ms)

    @property
    def is_over(self) -> bool:
        """Whether every backend failed."""
        return len(self._failures) == len(self._segmenters)

    def warm_up(self) -> None:
        """Makes every backend warm."""
        first, _ = _decoded(self._sources[0], self._segmenters)
        for name, segmenter in self._segmenters.items():
            try:
                warm_up(segmenter, first)
            except InferenceError as error:
                self._failures[name] = str(error)

    def run(self) -> None:
        """One round: each backend once untimed and once timed, in random order."""
        picture, took_ms = _decoded(self._sources[self.done % len(self._sources)], self._segmenters)
        for name in self._rng.permutation([name for name in self._segmenters if name not in self._failures]):
            if self._segment(name, picture) and (timed := self._segment(name, picture)):
                self._samples[name].append([timed.timings[stage] for stage in STAGES])
        if not self.is_over:
            self._read_ms.append(took_ms)

    def measurement(self, cancelled: bool = False) -> Measurement:
        """What the whole rounds gave."""
        kept = {name: np.array(rows[: self.done]).reshape(-1, len(STAGES)) for name, rows in self._samples.items()}
        samples = {name: rows for name, rows in kept.items() if name not in self._failures and self.done}
        return Measurement(samples, np.array(self._read_ms), dict(self._failures), cancelled)

    def _segment(self, name: str, picture: Picture) -> Segmentation | None:
        try:
            return self._segmenters[name].segment(picture)
        except InferenceError as error:
            self._failures[name] = str(error)
            return None


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
        segmenters, sources, seed: as for `Rounds`.
        rounds: calls of each.
        seconds: where given, as many rounds as fit, `rounds` at least.
        on_progress: told the share done, 0 to 1.
    """
    timing = Rounds(segmenters, sources, seed)
    try:
        timing.warm_up()
        started = time.perf_counter()
        while timing.done < rounds or (seconds is not None and time.perf_counter() - started < seconds):
            timing.run()
            if timing.is_over:
                break
            elapsed = time.perf_counter() - started
            on_progress(min(1.0, timing.done / rounds, elapsed / seconds if seconds else 1.0))
    except KeyboardInterrupt:
        return timing.measurement(cancelled=True)
    return timing.measurement()


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
