"""Find the setting that suits: requests x threads x batch, one caller that waits and streams of several.

The result is for `python -m engine predict --config FILE` and `python app.py --config FILE`.
"""

import argparse
import math

from engine.backends import known
from engine.benchmark import describe_model
from engine.command import Outcome, command_line, complain
from engine.commands.options import add_allocator, add_backend, add_model, model_option, use_allocator
from engine.errors import InputError
from engine.machine import busy_share, describe_machine, machine_in_words
from engine.progress import report
from engine.segmenter import DEFAULT_BACKEND, DEFAULT_MODEL
from engine.spec import Model
from engine.sweep import expected_seconds, in_words, options_of, settings, sweep, sweet_spot
from engine.turn import my_turn


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, metavar="S", help="of measuring each setting")
    parser.add_argument("--max-latency-ms", type=float, metavar="X", help="what 90 %% of the calls must keep")
    add_backend(parser)
    add_allocator(parser)
    add_model(parser)


def run(
    *,
    seconds: float = 2.0,
    max_latency_ms: float | None = None,
    backend: str = DEFAULT_BACKEND,
    torch_allocator: str = "default",
    model: str = DEFAULT_MODEL,
) -> Outcome:
    """Measures each setting and tells it; the fields of `sweep --json`.

    Raises:
        InputError: the backend, the model, the seconds or the limit cannot be used.
        ArtefactError, BackendUnavailableError: the backend cannot be opened at all.
    """
    for option, value in (("--seconds", seconds), ("--max-latency-ms", max_latency_ms)):
        if value is not None and not 0 < value < math.inf:
            raise InputError(f"{option} is {value:g}; expected more than 0.")
    known(backend)
    opened = Model.open(model)
    tuned = use_allocator(torch_allocator)
    tried = settings()
    print(f"{len(tried)} settings of {backend}, about {expected_seconds(tried, seconds):.0f} s", flush=True)
    with my_turn():
        machine = describe_machine() | {"other_load": busy_share()}
        points, failed, cancelled = sweep(opened, backend, tried, seconds, report)
    said = command_line(
        "engine sweep",
        model=model_option(model),
        backend=backend,
        seconds=seconds,
        max_latency_ms=max_latency_ms,
        torch_allocator=tuned,
    )
    result = {
        "command": said,
        "model": describe_model(opened),
        "backend": backend,
        "machine": machine,
        "seconds": seconds,
        "cancelled": cancelled,
        "points": points,
        "failed": failed,
        "max_latency_ms": max_latency_ms,
        "sweet_spot": sweet_spot(points, max_latency_ms),
    }
    print_result(result)
    for setting, reason in failed.items():
        complain(f"{setting}: {reason}")  # the others were measured
    return Outcome(result, interrupted=cancelled)


def print_result(result: dict) -> None:
    """The result for a person."""
    print(machine_in_words(result["machine"]))
    if result["cancelled"]:
        print("cancelled: what follows was measured until then")
    for point in result["points"]:
        mark = "  <-" if point == result["sweet_spot"] else ""
        print(
            f"  {in_words(options_of(point)):<36} {point['throughput_fps']:7.1f} pictures/s  median "
            f"{point['latency_ms']['median']:6.2f} ms, p90 {point['latency_ms']['p90']:6.2f}{mark}"
        )
    limit = result["max_latency_ms"]
    if result["sweet_spot"] is None and result["points"]:
        least = min(point["latency_ms"]["p90"] for point in result["points"])
        print(f"No setting keeps {limit:g} ms for 90 % of the calls; the quickest needs {least:.1f} ms.")
    elif result["sweet_spot"]:
        within = f" within {limit:g} ms" if limit else ""
        print(f"Most pictures a second{within}: {in_words(options_of(result['sweet_spot']))}.")
