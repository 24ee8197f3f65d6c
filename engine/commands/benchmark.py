"""Time the backends side by side: backends in turn, in random order within each round; medians, tails, ratios.

Latency is from a decoded picture to its mask; from the bytes of the file, and of the network alone, are beside it.
Ctrl-C ends it early and keeps what was measured.
"""

import argparse
from pathlib import Path

from engine.allocator import restart_tuned
from engine.benchmark import Plan, benchmark
from engine.commands.options import add_allocator, add_json, add_model, add_progress, complain, repeating
from engine.machine import machine_in_words
from engine.progress import PRINTERS
from engine.spec import Model
from engine.turn import my_turn

DEFAULT_BACKENDS = "torch,torchscript,openvino-fp32,openvino-int8"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--backends", default=DEFAULT_BACKENDS, metavar="A,B,...")
    parser.add_argument("--photo", type=Path, metavar="P", help="a photo or a folder of them; a drawn one without")
    parser.add_argument("--seconds", type=float, default=10.0, metavar="S", help="of timing, all backends together")
    parser.add_argument("--startup", action="store_true", help="start each anew: import, load, compile, memory")
    parser.add_argument("--layers", action="store_true", help="what really ran: time and precision of each layer")
    parser.add_argument("--roofline", action="store_true", help="this machine's measured peaks, and the share reached")
    add_allocator(parser)
    add_model(parser)
    add_json(parser)
    add_progress(parser)


def run(args: argparse.Namespace) -> tuple[dict, bool]:
    plan = Plan(
        backends=tuple(args.backends.split(",")) if args.backends else (),
        seconds=args.seconds,
        photo=args.photo,
        startup=args.startup,
        layers=args.layers,
        roofline=args.roofline,
    )
    plan.check()
    model = Model.open(args.model)
    if args.torch_allocator == "tuned":
        restart_tuned("engine", args.argv)
    with (
        PRINTERS[args.progress]() as on_progress,
        my_turn(lambda: on_progress(0.0, "waiting: another benchmark runs on this machine", None)),
    ):
        result = benchmark(model, plan, on_progress)
    allocator = args.torch_allocator if args.torch_allocator != "default" else None
    options = {name: getattr(args, name) for name in ("backends", "seconds", "photo", "startup", "layers", "roofline")}
    result = {"command": repeating(args, **options, torch_allocator=allocator), **result}
    if args.progress == "bar":
        print_result(result)
    for reason in (*result["unavailable"].values(), *result["failed"].values()):
        complain(reason)  # the others were timed
    return result, False


def print_result(result: dict) -> None:
    """The result for a person."""
    picture = result["picture"]
    height, width = picture["size_hw"]
    print(machine_in_words(result["machine"]))
    print(f"allocator: {result['machine']['allocator']}; others took {result['machine']['other_load'] or 0:.0%}")
    photos = f"{picture['photos']} photos, " if picture["photos"] > 1 else ""
    print(f"{photos}{width} x {height} px, decoded; read in {result['read_ms']:.1f} ms; {result['rounds']} rounds")
    if result["cancelled"]:
        print("cancelled: what follows was measured until then")
    first = next(iter(result["backends"]), None)
    for name, entry in result["backends"].items():
        stages = ", ".join(f"{stage} {ms:.2f}" for stage, ms in entry["stages_ms"].items())
        latency = entry["latency_ms"]
        line = f"  {name:<14} median {latency['median']:6.2f} ms, p99 {latency['p99']:6.2f} ({stages})"
        if name != first:
            ratio = result["ratios"][f"{first}/{name}"]
            line += f"  {ratio['median']:.1f}x [{ratio['ci95'][0]:.1f}, {ratio['ci95'][1]:.1f}] {first}"
            line += f": {ratio['verdict']}"
        print(line)
        if "startup" in entry:
            spent = entry["startup"]
            print(
                f"  {'':<14} start: import {spent['import_ms']:.0f}, load {spent['load_ms']:.0f}, "
                f"compile {spent['compile_ms']:.0f}, first call {spent['first_inference_ms']:.0f} ms; "
                f"{spent['resident_mb']:.0f} MB resident, {spent['peak_mb']:.0f} MB peak; "
                f"artefact {entry['artefact_mb']:.1f} MB"
            )
    if "roofline" in result:
        peaks = result["roofline"]
        print(
            f"peaks: {peaks['fp32_gflops']:.0f} GFLOP/s FP32, {peaks['int8_gops']:.0f} Gop/s INT8, "
            f"{peaks['bandwidth_gbs']:.0f} GB/s"
        )
        for name, entry in peaks["backends"].items():
            print(f"  {name:<14} {entry['achieved_gops']:.0f} Gop/s, {entry['share_of_peak']:.0%} of its peak")
    for advice in result["advice"]:
        print(f"- {advice['text']}")
