"""What a clip costs around the network: `python benchmarks/video.py`.

Ten seconds of 640 x 360, the example cat under a moving camera, in interleaved rounds: the network alone (as the sweep
measures it), frames that are decoded already through `VideoSegmenter.stream`, decoding alone (which brings each frame
to the network's size as well), encoding alone, and the
whole render with the overlay. Ratios are of medians; each part has all cores while it runs.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from demo.video_example import draw_clip  # noqa: E402
from engine.machine import busy_share, describe_machine, machine_in_words  # noqa: E402
from engine.segmenter import DEFAULT_BACKEND, Segmenter  # noqa: E402
from engine.sweep import in_words, measure_point  # noqa: E402
from engine.turn import my_turn  # noqa: E402
from engine.video.clip import Clip  # noqa: E402
from engine.video.render import Lane, Look, network_options, one_opencv_thread, render  # noqa: E402
from engine.video.segmenter import SizedFrame, VideoSegmenter  # noqa: E402
from engine.video.writer import Format, open_writer  # noqa: E402

SIZE_HW = (360, 640)
GOAL = 0.9  # of the network alone, for frames that are decoded already


def parts(clip_path: Path, segmenter: Segmenter, seconds: float) -> dict[str, Callable[[], tuple[float, float]]]:
    """What is timed, by name; each call gives frames a second and milliseconds of the cores a frame."""
    options, spec = network_options(), segmenter.spec
    with Clip(clip_path) as clip:
        decoded = list(clip.frames(spec.size_hw))
    frames = []
    for frame in decoded:
        assert frame.seen is not None  # the frames of a drawn clip are all of one size
        frames.append(SizedFrame(frame.image, frame.seen))
    out = clip_path.with_name("out.mp4")

    def network() -> int | float:
        return measure_point(segmenter.backend, spec.size_hw, options, seconds)["throughput_fps"]

    def stream() -> int:
        with one_opencv_thread():
            return sum(1 for _ in VideoSegmenter(segmenter).stream(frames, options.requests))

    def decode() -> int:
        with Clip(clip_path) as clip:
            return sum(1 for _ in clip.frames(spec.size_hw))

    def encode() -> int:
        with open_writer(out, Format(SIZE_HW, Fraction(1, 30), 30.0)) as writer:
            for pts, frame in enumerate(frames):
                writer.write(frame.image, pts)
            writer.finish()
        return len(frames)

    def whole() -> int:
        with Clip(clip_path) as clip:
            return render(clip, out, Look(), Lane("the backend", segmenter, options.requests))["frames"]

    def timed(work: Callable[[], int]) -> Callable[[], tuple[float, float]]:
        def run() -> tuple[float, float]:
            started, cpu = time.perf_counter(), time.process_time()
            count = work()
            return count / (time.perf_counter() - started), (time.process_time() - cpu) / count * 1e3

        return run

    def timed_network() -> tuple[float, float]:
        started, cpu = time.perf_counter(), time.process_time()
        fps = network()
        count = fps * (time.perf_counter() - started)
        return fps, (time.process_time() - cpu) / count * 1e3

    works = {"stream": stream, "decode": decode, "encode": encode, "render": whole}
    return {"network": timed_network} | {name: timed(work) for name, work in works.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="fastsegnet")
    parser.add_argument("--backend", default=DEFAULT_BACKEND)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=10.0, help="of the clip")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()

    segmenter = Segmenter.open(args.model, args.backend, network_options())
    with tempfile.TemporaryDirectory(prefix="whisker-") as folder, my_turn():
        machine = describe_machine() | {"other_load": busy_share()}
        path = Path(folder) / "cat.mp4"
        draw_clip(path, args.seconds, SIZE_HW)
        timed = parts(path, segmenter, seconds=2.0)
        rows: dict[str, list[tuple[float, float]]] = {name: [] for name in timed}
        order = np.random.default_rng(0)
        for number in range(-1, args.rounds):
            for name in order.permutation(list(timed)):
                measured = timed[name]()
                if number >= 0:
                    rows[name].append(measured)

    result = {
        "machine": machine,
        "backend": args.backend,
        "rounds": args.rounds,
        "options": in_words(network_options()),
        "parts": {
            name: {"throughput_fps": fps, "core_ms_a_frame": core_ms, "of_network": ratio(rows, name)}
            for name, (fps, core_ms) in ((name, np.median(each, axis=0).tolist()) for name, each in rows.items())
        },
        "goal": {"of_network": GOAL, "reached": ratio(rows, "stream") >= GOAL},
    }
    print(f"{machine_in_words(machine)}; others took {machine['other_load'] or 0:.0%}")
    print(f"{args.backend}, {result['options']}, {args.rounds} rounds in random order, medians\n")
    print("| part | frames a second | of the network alone | ms of a core a frame |\n|---|---|---|---|")
    for name, each in result["parts"].items():
        print(f"| {name} | {each['throughput_fps']:.0f} | {each['of_network']:.2f} | {each['core_ms_a_frame']:.2f} |")
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + "\n")


def ratio(rows: dict[str, list[tuple[float, float]]], name: str) -> float:
    """Median over the rounds of a part's throughput over the network's of the same round."""
    return float(np.median([mine[0] / network[0] for mine, network in zip(rows[name], rows["network"], strict=True)]))


if __name__ == "__main__":
    main()
