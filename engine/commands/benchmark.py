"""Time the backends side by side: backends in turn, in random order within each round; medians, tails, ratios.

Latency is from a decoded picture to its mask; from the bytes of the file, and of the network alone, are beside it.
Ctrl-C ends it early and keeps what was measured.
"""

import argparse
from pathlib import Path

from engine.benchmark import Plan, benchmark
from engine.command import Outcome, command_line, complain, names
from engine.commands.options import add_allocator, add_model, model_option, use_allocator
from engine.machine import machine_in_words
from engine.progress import report
from engine.segmenter import DEFAULT_MODEL
from engine.spec import Model
from engine.turn import my_turn

DEFAULT_BACKENDS = ("torch", "torchscript", "openvino-fp32", "openvino-int8")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--backends", type=names, metavar="A,B,...", help="in the order of the ratios")
    parser.add_argument("--photo", type=Path, metavar="P", help="a photo or a folder of them; a drawn one without")
    parser.add_argument("--seconds", type=float, metavar="S", help="of timing, all backends together")
    parser.add_argument("--startup", action="store_true", help="start each anew: import, load, compile, memory")
    parser.add_argument("--layers", action="store_true", help="what really ran: time and precision of each layer")
    parser.add_argument("--roofline", action="store_true", help="this machine's measured peaks, and the share reached")
    add_allocator(parser)
    add_model(parser)


def run(
    *,
    backends: tuple[str, ...] = DEFAULT_BACKENDS,
    photo: Path | None = None,
    seconds: float = 10.0,
    startup: bool = False,
    layers: bool = False,
    roofline: bool = False,
    torch_allocator: str = "default",
    model: str = DEFAULT_MODEL,
) -> Outcome:
    """Measures and tells it; the fields of `benchmark --json`.

    Raises:
        InputError: a backend, the photo, the model or the seconds cannot be used.
        BackendUnavailableError: none of the backends runs here.
    """
    plan = Plan(backends, seconds, photo, startup, layers, roofline)
    plan.check()
    opened = Model.open(model)
    tuned = use_allocator(torch_allocator)
    with my_turn():
        result = benchmark(opened, plan, report)
    said = command_line(
        "engine benchmark",
        model=model_option(model),
        backends=backends,
        seconds=seconds,
        photo=photo,
        startup=startup,
        layers=layers,
        roofline=roofline,
        torch_allocator=tuned,
    )
    result = {"command": said, **result}
    print_result(result)
    for reason in (*result["unavailable"].values(), *result["failed"].values()):
        complain(reason)  # the others were timed
    return Outcome(result, interrupted=result["cancelled"])


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
