"""Segment a clip and write it with an effect: MP4, its sound kept, every frame at its own moment.

Ctrl-C ends it early and keeps what is done, as a clip that plays.
"""

import argparse
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.backends import DEFAULT_BACKEND_OPTIONS, known
from engine.benchmark import describe_model
from engine.command import Outcome, command_line
from engine.commands.options import add_backend, add_model, model_option
from engine.effects import DEFAULT_EFFECT_OPTIONS, EFFECTS, EffectOptions
from engine.errors import InputError
from engine.files import Outputs
from engine.images import read_picture
from engine.machine import describe_machine, machine_in_words
from engine.matte import EDGES
from engine.progress import Step, report
from engine.segmenter import DEFAULT_BACKEND, DEFAULT_MODEL, Segmenter
from engine.spec import Model
from engine.turn import my_turn
from engine.video.clip import MAX_SECONDS, Clip, clock
from engine.video.render import Lane, Look, network_options, render
from engine.video.smoothing import STRENGTH
from engine.video.writer import check_path

EDGE = "fast"  # a fine edge costs several times what the network does, at every frame
# Options that some effects alone have: of no other are they told in the command that repeats it.
OWN_OPTIONS = {"cutout": "color", "sticker": "color", "blur": "blur"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    limit = f"MP4, MOV, WebM, MKV or AVI, at most {clock(MAX_SECONDS)}"
    parser.add_argument("clip", type=Path, metavar="IN", help=limit)
    parser.add_argument("out", type=Path, metavar="OUT", help="the MP4 to write")
    parser.add_argument("--effect", metavar="E", help=", ".join(EFFECTS))
    parser.add_argument("--color", metavar="#RRGGBB", help="ground of cutout and sticker")
    parser.add_argument("--background", type=Path, metavar="PHOTO", help="ground of replace")
    parser.add_argument("--blur", type=float, metavar="S", help="of blur: share of the longer side")
    parser.add_argument("--edge", metavar="E", help=f"{', '.join(EDGES)}: fine follows the fur, slowly")
    parser.add_argument("--smoothing", type=float, metavar="S", help="over time, 0 (none) to 0.95")
    parser.add_argument("--compare", metavar="B", help="a second backend sees each frame too: latency and agreement")
    add_backend(parser)
    add_model(parser)


def run(
    *,
    clip: Path,
    out: Path,
    effect: str = "overlay",
    color: str = DEFAULT_EFFECT_OPTIONS.color,
    background: Path | None = None,
    blur: float = DEFAULT_EFFECT_OPTIONS.blur,
    edge: str = EDGE,
    smoothing: float = STRENGTH,
    compare: str | None = None,
    backend: str = DEFAULT_BACKEND,
    model: str = DEFAULT_MODEL,
    outputs: Outputs | None = None,
) -> Outcome:
    """Renders the clip and tells it; the fields of `video --json`.

    Raises:
        InputError: the clip, the file to write or an option cannot be used.
        ArtefactError, BackendUnavailableError, InferenceError: the model cannot be opened or run.
        KeyboardInterrupt: Ctrl-C came before the first frame.
    """
    outputs = outputs or Outputs()
    for name in filter(None, (backend, compare)):
        known(name)
    if backend == compare:
        raise InputError(f"--compare names the same backend, {backend}. Name another one.")
    check_path(out, clip)
    outputs.protect([clip, *([background] if background else [])])
    outputs.check(out)
    behind = read_picture(background).image if background else None
    look = Look(effect, EffectOptions(color, behind, blur, edge), smoothing)
    look.check()
    with Clip(clip) as opened:
        print(f"{opened.info.name}: {opened.info.in_words()}", flush=True)
        report(Step(0, 1, "opening the network"))
        folder = Model.open(model)
        # Two backends that answer in turn have all cores each; one alone has a frame on each core.
        options = DEFAULT_BACKEND_OPTIONS if compare else network_options()
        names = filter(None, (backend, compare))
        lanes = [Lane(name, Segmenter.open(folder.folder, name, options), options.requests) for name in names]
        with my_turn(), stopped_by_ctrl_c() as stop:
            rendered = render(opened, out, look, *lanes, on_progress=report, stop=stop)
    own = OWN_OPTIONS.get(effect)
    said = command_line(
        "engine video",
        clip.name,
        out.name,
        model=model_option(model),
        backend=backend,
        compare=compare,
        effect=effect,
        edge=edge,
        smoothing=smoothing,
        color=color if own == "color" else None,
        blur=blur if own == "blur" else None,
        background=background and background.name,
    )
    result = {
        "command": said,
        "model": describe_model(folder),
        "machine": describe_machine(),
        "clip": opened.info.as_json(),
        "out": str(out),
        "backend": backend,
        "compare": compare,
        "requests": options.requests,
        "effect": effect,
        "edge": edge,
        "smoothing": smoothing,
        **rendered,
    }
    print_result(result)
    return Outcome(result, interrupted=result["cancelled"])


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
    parts = [f"a {name} in {share:.0%}" for name, share in result["presence"].items()]
    parts += [f"perhaps a {name} in {share:.0%}" for name, share in result["perhaps"].items() if share]
    shown = ", ".join(parts)
    print(f"  {shown} of the frames -> {result['out']}")
    for note in result["notes"]:
        print(f"  {note}")
