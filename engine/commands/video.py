"""Segment a clip and write it with an effect: MP4, its sound kept, every frame at its own moment.

Ctrl-C ends it early and keeps what is done, as a clip that plays.
"""

import argparse
import shlex
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.backends import DEFAULT_BACKEND_OPTIONS, known
from engine.benchmark import describe_model
from engine.commands.options import add_backend, add_json, add_model, add_progress, repeating
from engine.effects import DEFAULT_EFFECT_OPTIONS, EFFECTS, EffectOptions
from engine.errors import InputError
from engine.images import read_picture
from engine.machine import describe_machine, machine_in_words
from engine.matte import EDGES
from engine.progress import PRINTERS
from engine.segmenter import Segmenter
from engine.spec import Model
from engine.video.clip import MAX_SECONDS, Clip, clock
from engine.video.render import Lane, Look, network_options, render
from engine.video.smoothing import STRENGTH
from engine.video.writer import check_path

EDGE = "fast"  # a fine edge costs several times what the network does, at every frame


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "clip", type=Path, metavar="IN", help=f"MP4, MOV, WebM, MKV or AVI, at most {clock(MAX_SECONDS)}"
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="the MP4 to write")
    parser.add_argument("--effect", default="overlay", metavar="E", help=", ".join(EFFECTS))
    parser.add_argument(
        "--color", default=DEFAULT_EFFECT_OPTIONS.color, metavar="#RRGGBB", help="ground of cutout and sticker"
    )
    parser.add_argument("--background", type=Path, metavar="PHOTO", help="ground of replace")
    parser.add_argument(
        "--blur", type=float, default=DEFAULT_EFFECT_OPTIONS.blur, metavar="S", help="of blur: share of the longer side"
    )
    parser.add_argument("--edge", default=EDGE, metavar="E", help=f"{', '.join(EDGES)}: fine follows the fur, slowly")
    parser.add_argument("--smoothing", type=float, default=STRENGTH, metavar="S", help="over time, 0 (none) to 0.95")
    parser.add_argument("--compare", metavar="B", help="a second backend sees each frame too: latency and agreement")
    add_backend(parser)
    add_model(parser)
    add_json(parser)
    add_progress(parser)


def run(args: argparse.Namespace) -> tuple[dict, bool]:
    for backend in filter(None, (args.backend, args.compare)):
        known(backend)
    if args.backend == args.compare:
        raise InputError(f"--compare names the same backend, {args.backend}. Name another one.")
    check_path(args.out, args.clip)
    look = look_of(args)
    look.check()
    with Clip(args.clip) as clip, PRINTERS[args.progress]() as on_progress:
        if args.progress == "bar":
            print(f"{clip.info.name}: {clip.info.in_words()}", flush=True)
        on_progress(0.0, "opening the network", None)
        model = Model.open(args.model)
        # Two backends that answer in turn have all cores each; one alone has a frame on each core.
        options = DEFAULT_BACKEND_OPTIONS if args.compare else network_options()
        names = filter(None, (args.backend, args.compare))
        lanes = [Lane(name, Segmenter.open(model.folder, name, options), options.requests) for name in names]
        with stopped_by_ctrl_c() as stop:
            rendered = render(clip, args.out, look, *lanes, on_progress=on_progress, stop=stop)
    result = {
        "command": command_line(args),
        "model": describe_model(model),
        "machine": describe_machine(),
        "clip": clip.info.as_json(),
        "out": str(args.out),
        "backend": args.backend,
        "compare": args.compare,
        "requests": options.requests,
        "effect": args.effect,
        "edge": args.edge,
        "smoothing": args.smoothing,
        **rendered,
    }
    if args.progress == "bar":
        print_result(result)
    return result, False


def look_of(args: argparse.Namespace) -> Look:
    """What is to be made of each frame."""
    background = read_picture(args.background).image if args.background else None
    return Look(args.effect, EffectOptions(args.color, background, args.blur, args.edge), args.smoothing)


def command_line(args: argparse.Namespace) -> str:
    """The command that renders the same again, files by their names alone."""
    names = ["backend", "compare", "effect", "edge", "smoothing"]
    names += {"cutout": ["color"], "sticker": ["color"], "blur": ["blur"]}.get(args.effect, [])
    options = {name: getattr(args, name) for name in names}
    if args.background:
        options["background"] = args.background.name
    words = " ".join(shlex.quote(path.name) for path in (args.clip, args.out))
    return repeating(argparse.Namespace(name=f"video {words}", model=args.model), **options)


@contextmanager
def stopped_by_ctrl_c() -> Iterator[threading.Event]:
    """An event that Ctrl-C sets, once; a second Ctrl-C is one as ever. Only the main thread can listen."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    usual = signal.getsignal(signal.SIGINT)

    def ask(number: int, frame: object) -> None:
        stop.set()
        signal.signal(signal.SIGINT, usual)

    signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, usual)


def print_result(result: dict) -> None:
    """The result for a person."""
    print(machine_in_words(result["machine"]))
    if result["cancelled"]:
        print("cancelled: what follows was rendered until then")
    print(
        f"{result['frames']} frames, {result['clip_seconds']:.1f} s of video in {result['seconds']:.1f} s: "
        f"{result['throughput_fps']:.1f} frames/s, {result['clip_seconds'] / result['seconds']:.1f}x real time, "
        f"{result['cores_busy']:.1f} cores busy"
    )
    stages = ", ".join(f"{stage} {each['median']:.2f}" for stage, each in result["stages_ms"].items())
    print(f"  milliseconds a frame, side by side: {stages}")
    for name, each in result["latency_ms"].items():
        print(f"  {name:<14} median {each['median']:6.2f} ms, p90 {each['p90']:6.2f}, p99 {each['p99']:6.2f}")
    if "agreement" in result:
        agreed = result["agreement"]
        print(
            f"  they agree on {agreed['mean']:.1%} of the pixels, {agreed['least']:.1%} at {agreed['least_at_s']:.1f} s"
        )
    shown = ", ".join(f"a {name} in {share:.0%}" for name, share in result["presence"].items())
    print(f"  {shown} of the frames -> {result['out']}")
    for note in result["notes"]:
        print(f"  {note}")
