"""Throughput against latency: how many calls at once, with how many threads each, of how many pictures.

One caller that waits for each answer is the synchronous case; several callers at once are a stream of requests. More at
once gives more pictures a second and a longer wait for each: where to stop is a limit that the user sets.
"""

import itertools
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from engine.backends import Backend, BackendOptions, open_backend
from engine.errors import InferenceError
from engine.latency import tails
from engine.machine import usable_cores
from engine.progress import OnProgress, Progress, silent
from engine.spec import Model

BATCHES = (1, 2, 4)
OPENING_SECONDS = 1.5  # of a setting: compile and warm up, about
WARM_UP_CALLS = 4


def settings(cores: int | None = None, batches: Sequence[int] = BATCHES) -> list[BackendOptions]:
    """What is tried: every division of the cores into requests and threads, and twice as many requests as cores.

    Example:
        Two cores and batches of 1: 1 request of 1 thread, 1 of 2, 2 of 1, and 4 of 1.
    """
    cores = cores or usable_cores()
    halves = sorted({1, cores} | {2**i for i in range(1, cores.bit_length()) if 2**i < cores})
    tried = [(requests, threads) for requests in halves for threads in halves if requests * threads <= cores]
    tried.append((2 * cores, 1))
    return [
        BackendOptions(threads, requests, batch) for (requests, threads), batch in itertools.product(tried, batches)
    ]


def expected_seconds(tried: Sequence[BackendOptions], seconds_each: float) -> float:
    """How long a sweep will take, about; said before it starts."""
    return len(tried) * (seconds_each + OPENING_SECONDS)


def sweep(
    model: Model,
    backend: str,
    tried: Sequence[BackendOptions],
    seconds_each: float,
    on_progress: OnProgress = silent,
) -> tuple[list[dict], dict[str, str], bool]:
    """Measures each setting; Ctrl-C ends it early and keeps the settings that are done.

    Returns:
        The points, as `sweep --json` lists them; why a setting has none, by its words; whether it was cancelled.

    Raises:
        InputError, ArtefactError, BackendUnavailableError: the backend cannot be opened at all.
    """
    points: list[dict] = []
    failed: dict[str, str] = {}
    words = {options: in_words(options) for options in tried}
    progress = Progress(dict.fromkeys(words.values(), OPENING_SECONDS + seconds_each), on_progress)
    try:
        for options, word in words.items():
            progress.start(word)
            opened = open_backend(backend, model, options)
            try:
                points.append(measure_point(opened, model.spec.size_hw, options, seconds_each))
            except InferenceError as error:
                failed[word] = str(error)
    except KeyboardInterrupt:
        return points, failed, True
    return points, failed, False


def in_words(options: BackendOptions) -> str:
    """ "2 requests x 1 thread x batch 4"."""

    def count(number: int, noun: str) -> str:
        return f"{number} {noun}{'' if number == 1 else 's'}"

    return f"{count(options.requests, 'request')} x {count(options.threads or 0, 'thread')} x batch {options.batch}"


def measure_point(backend: Backend, size_hw: tuple[int, int], options: BackendOptions, seconds: float) -> dict:
    """Keeps `options.requests` callers busy for a while.

    Returns:
        "latency_ms" of a call (a batch) by median and p90, and "throughput_fps": pictures that were answered within
        the time, a second.
    """
    batch = np.random.default_rng(0).integers(0, 256, (options.batch, *size_hw, 3), dtype=np.uint8)
    for _ in range(WARM_UP_CALLS):
        backend.infer(batch)
    started_together = threading.Barrier(options.requests)

    def call_until(_: int) -> tuple[list[float], float]:
        times: list[float] = []
        started_together.wait()
        started = now = time.perf_counter()
        while now - started < seconds or not times:
            backend.infer(batch)
            times.append(time.perf_counter() - now)
            now += times[-1]
        return times, now - started

    with ThreadPoolExecutor(options.requests) as pool:
        callers = list(pool.map(call_until, range(options.requests)))
    spread = tails(np.concatenate([times for times, _ in callers]) * 1e3)
    return {
        "mode": "synchronous" if options.requests == 1 else "stream",
        "requests": options.requests,
        "threads": options.threads,
        "batch": options.batch,
        "latency_ms": {"median": spread["median"], "p90": spread["p90"]},
        "throughput_fps": float(sum(len(times) * options.batch / elapsed for times, elapsed in callers)),
    }


def sweet_spot(points: Sequence[dict], max_latency_ms: float | None = None) -> dict | None:
    """The point with the highest throughput whose p90 latency keeps the limit; None where none does.

    Nine calls in ten keep the limit, then, not just every second one.

    Example:
        Points of 5 ms and 200 a second, 9 ms and 250, 20 ms and 260, with a limit of 10 ms: the second.
    """
    fitting = [p for p in points if max_latency_ms is None or p["latency_ms"]["p90"] <= max_latency_ms]
    return max(fitting, key=lambda point: point["throughput_fps"], default=None)


def options_of(point: dict) -> BackendOptions:
    """The options that a point was measured with."""
    return BackendOptions(point["threads"], point["requests"], point["batch"])
