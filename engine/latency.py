"""How long backends take, so that the comparison is fair.

Backends run in turn, in random order within each round, so that a busy moment of the machine strikes all alike. Each is
warm before the first round, and each timed call follows an untimed one of the same backend: the threads of the backend
before it (OpenMP's spin for a while after PyTorch's last layer) would slow it otherwise, OpenVINO INT8 by half on two
cores. What is reported are medians, tails and ratios with a bootstrap interval, not means.
"""

import time
from collections.abc import Callable, Mapping

import numpy as np

from engine.images import Picture
from engine.segmenter import STAGES as ALL_STAGES
from engine.segmenter import Segmenter

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


def measure(
    segmenters: Mapping[str, Segmenter],
    picture: Picture,
    rounds: int = 7,
    seconds: float | None = None,
    seed: int = 0,
    on_progress: Callable[[float], None] = lambda share: None,
) -> dict[str, Samples]:
    """Times every segmenter on one decoded picture.

    Args:
        segmenters: by name.
        picture: decoded; reading is not timed.
        rounds: calls of each.
        seconds: where given, as many rounds as fit, `rounds` at least.
        seed: of the order within the rounds.
        on_progress: told the share done, 0 to 1.
    """
    for segmenter in segmenters.values():
        warm_up(segmenter, picture)
    rng = np.random.default_rng(seed)
    samples: dict[str, list[list[float]]] = {name: [] for name in segmenters}
    started = time.perf_counter()
    done = 0
    while done < rounds or (seconds is not None and time.perf_counter() - started < seconds):
        for name in rng.permutation(list(segmenters)):
            segmenters[name].segment(picture)
            timings = segmenters[name].segment(picture).timings
            samples[name].append([timings[stage] for stage in STAGES])
        done += 1
        elapsed = time.perf_counter() - started
        on_progress(min(1.0, done / rounds, elapsed / seconds if seconds else 1.0))
    return {name: np.array(rows) for name, rows in samples.items()}


def summarise(samples: Samples) -> dict:
    """A backend's entry in `benchmark --json`: latency, stages, throughput."""
    total = samples.sum(axis=1)
    return {
        "latency_ms": {
            "median": float(np.median(total)),
            "p90": float(np.percentile(total, 90)),
            "p99": float(np.percentile(total, 99)),
        },
        "stages_ms": dict(zip(STAGES, np.median(samples, axis=0).tolist(), strict=True)),
        "throughput_fps": float(1000 / np.mean(total)),
    }


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


def compare_all(samples: Mapping[str, Samples], baseline: str) -> dict[str, dict]:
    """Every other backend against one: the "ratios" of `benchmark --json`, by "BASELINE/NAME"."""
    return {
        f"{baseline}/{name}": compare(samples[baseline], rows) for name, rows in samples.items() if name != baseline
    }


def verdict(ratio: float, low: float, high: float) -> str:
    """The interval in words; 1.0 inside it is no difference, and a very wide one is no basis for anything."""
    if low > 1:
        return "faster"
    if high < 1:
        return "slower"
    return "too noisy: repeat" if high - low > NOISY_WIDTH * ratio else "no significant difference"
