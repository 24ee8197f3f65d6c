"""Find the setting that suits: requests x threads x batch, one caller that waits and streams of several.

The result is for `python -m engine predict --config FILE` and `python app.py --config FILE`.
"""

import argparse

from engine.allocator import restart_tuned
from engine.backends import known
from engine.benchmark import describe_model
from engine.commands.options import (
    add_allocator,
    add_backend,
    add_json,
    add_model,
    add_progress,
    complain,
    repeating,
)
from engine.errors import InputError
from engine.machine import busy_share, describe_machine, machine_in_words
from engine.progress import PRINTERS
from engine.spec import Model
from engine.sweep import expected_seconds, in_words, options_of, settings, sweep, sweet_spot
from engine.turn import my_turn


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=2.0, metavar="S", help="of measuring each setting")
    parser.add_argument("--max-latency-ms", type=float, metavar="X", help="what 90 %% of the calls must keep")
    add_backend(parser)
    add_allocator(parser)
    add_model(parser)
    add_json(parser)
    add_progress(parser)


def run(args: argparse.Namespace) -> tuple[dict, bool]:
    for option in ("seconds", "max_latency_ms"):
        value = getattr(args, option)
        if value is not None and not 0 < value < float("inf"):
            raise InputError(f"--{option.replace('_', '-')} is {value:g}; expected more than 0.")
    known(args.backend)
    model = Model.open(args.model)
    if args.torch_allocator == "tuned":
        restart_tuned("engine", args.argv)
    tried = settings()
    if args.progress == "bar":
        print(f"{len(tried)} settings of {args.backend}, about {expected_seconds(tried, args.seconds):.0f} s")
    with (
        PRINTERS[args.progress]() as on_progress,
        my_turn(lambda: on_progress(0.0, "waiting: another benchmark runs on this machine", None)),
    ):
        machine = describe_machine() | {"other_load": busy_share()}
        points, failed, cancelled = sweep(model, args.backend, tried, args.seconds, on_progress)
    spot = sweet_spot(points, args.max_latency_ms)
    allocator = args.torch_allocator if args.torch_allocator != "default" else None
    options = {name: getattr(args, name) for name in ("backend", "seconds", "max_latency_ms")}
    result = {
        "command": repeating(args, **options, torch_allocator=allocator),
        "model": describe_model(model),
        "backend": args.backend,
        "machine": machine,
        "seconds": args.seconds,
        "cancelled": cancelled,
        "points": points,
        "failed": failed,
        "max_latency_ms": args.max_latency_ms,
        "sweet_spot": spot,
    }
    if args.progress == "bar":
        print_result(result)
    for setting, reason in failed.items():
        complain(f"{setting}: {reason}")  # the others were measured
    return result, False


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
