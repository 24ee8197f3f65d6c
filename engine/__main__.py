"""Segment photos, score a model, time the backends.

python -m engine predict cat.jpg --cutout
python -m engine evaluate --data ROOT --backend openvino-int8
python -m engine benchmark --photo cat.jpg
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from engine.backends import BACKENDS
from engine.cutout import cut_out
from engine.errors import ArtefactError, BackendUnavailableError, EngineError, InputError
from engine.evaluate import evaluate
from engine.files import write_aside
from engine.images import Picture, read_picture
from engine.latency import compare_all, measure, summarise
from engine.machine import describe_machine, machine_in_words
from engine.segmenter import DEFAULT_BACKEND, DEFAULT_MODEL, Segmentation, Segmenter
from engine.spec import ModelSpec

DEFAULT_BACKENDS = "torch,torchscript,openvino-fp32,openvino-int8"


def main(argv: list[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    try:
        result, failed = args.command(args)
        if args.json is not None:
            with write_aside(args.json) as partial:
                partial.write_text(json.dumps(result, indent=2) + "\n")
    except EngineError as error:
        return complain(error)
    except OSError as error:
        return complain(f"{error.filename} cannot be written ({error.strerror}). Name another place.")
    return 2 if failed else 0


def complain(message: object) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 2


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m engine", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("predict", help="segment photos and write their masks")
    command.add_argument("photos", nargs="+", type=Path, metavar="PHOTO")
    command.add_argument("--out", type=Path, default=Path("."), metavar="DIR", help="folder of the masks (here)")
    command.add_argument("--cutout", action="store_true", help="write the pet on a transparent ground as well")
    command.set_defaults(command=run_predict)

    command_evaluate = commands.add_parser("evaluate", help="score a model on Oxford-IIIT Pet")
    command_evaluate.add_argument("--data", type=Path, required=True, metavar="ROOT", help="holds oxford-iiit-pet/")
    command_evaluate.add_argument("--split", default="test", help="test or trainval")
    command_evaluate.add_argument("--limit", type=int, metavar="N", help="so many photos, spread over the split")
    command_evaluate.set_defaults(command=run_evaluate)

    command_benchmark = commands.add_parser("benchmark", help="time the backends side by side")
    command_benchmark.add_argument("--backends", default=DEFAULT_BACKENDS, metavar="A,B,...")
    command_benchmark.add_argument("--photo", type=Path, metavar="P", help="a photo to time with; a drawn one without")
    command_benchmark.add_argument("--seconds", type=float, default=10.0, metavar="S", help="of measuring, all told")
    command_benchmark.set_defaults(command=run_benchmark)

    for each in (command, command_evaluate, command_benchmark):
        each.add_argument("--model", default=DEFAULT_MODEL, metavar="M", help="a folder of models/, or a path")
        each.add_argument("--json", type=Path, metavar="FILE", help="write the result there")
        if each is not command_benchmark:
            each.add_argument("--backend", default=DEFAULT_BACKEND, metavar="B", help=", ".join(BACKENDS))
    return parser


def run_predict(args: argparse.Namespace) -> tuple[list, bool]:
    """Segments each photo; a bad one is reported, and the others go on."""
    segmenter = Segmenter.open(args.model, args.backend)
    results: list[dict] = []
    used: set[str] = set()
    failed = False
    for photo in args.photos:
        try:
            segmentation = segmenter.predict(photo)
            stem = free_stem(photo.stem, used)
            mask_path = args.out / f"{stem}-mask.png"
            save_png(colored_mask(segmentation, segmenter.spec), mask_path)
            if args.cutout:
                rgba = cut_out(read_picture(photo).image, segmentation)
                save_png(Image.fromarray(rgba), args.out / f"{stem}-cutout.png")
        except InputError as error:
            complain(error)
            failed = True
            continue
        results.append(
            {
                "photo": str(photo),
                "size_hw": list(segmentation.size_hw),
                "areas": segmentation.areas,
                "timings_ms": segmentation.timings,
                "mask": str(mask_path),
            }
        )
        areas = "  ".join(f"{name} {share:.1%}" for name, share in segmentation.areas.items())
        print(f"{photo}  {areas}  {sum(segmentation.timings.values()):.1f} ms  -> {mask_path}")
    return results, failed


def free_stem(stem: str, used: set[str]) -> str:
    """`stem`, with a number where this run has used it already; two photos may share a name."""
    candidate, number = stem, 2
    while candidate in used:
        candidate = f"{stem}-{number}"
        number += 1
    used.add(candidate)
    return candidate


def colored_mask(segmentation: Segmentation, spec: ModelSpec) -> Image.Image:
    """The mask as a palette image: its values are class ids, its palette shows them in the classes' colours."""
    file = Image.fromarray(segmentation.mask)
    colors = ["#000000", *(c.color for c in spec.objects)]
    file.putpalette(b"".join(bytes.fromhex(color[1:]) for color in colors))
    return file


def save_png(file: Image.Image, path: Path) -> None:
    with write_aside(path) as partial:
        file.save(partial, "PNG")


def run_evaluate(args: argparse.Namespace) -> tuple[dict, bool]:
    scores = evaluate(Segmenter.open(args.model, args.backend), args.data, args.split, args.limit)
    result = {"model": args.model, "backend": args.backend, "split": args.split, **scores}
    binary, trimap, species = scores["binary"], scores["trimap"], scores["species"]
    print(f"{args.model} on {args.backend}, {scores['images']} photos of {args.split}")
    print(f"  binary    dataset IoU {binary['dataset_iou']:.4f}, mean image IoU {binary['mean_image_iou']:.4f}")
    for name, part in (("trimap", trimap), ("species", species)):
        classes = ", ".join(f"{n} {v:.4f}" for n, v in part["per_class"].items() if v is not None)
        print(f"  {name:<9} mean IoU {part['mean_iou']:.4f} ({classes})")
    print(f"  boundary  IoU {scores['boundary_iou']:.4f}")
    print(f"  pixels    accuracy {scores['pixel_accuracy']:.4f}")
    return result, False


def run_benchmark(args: argparse.Namespace) -> tuple[dict, bool]:
    if args.seconds <= 0:
        raise InputError(f"--seconds is {args.seconds:g}; expected more than 0.")
    picture = read_picture(args.photo) if args.photo else drawn_picture()
    machine = describe_machine()
    print(machine_in_words(machine))
    segmenters: dict[str, Segmenter] = {}
    for name in args.backends.split(","):
        try:
            segmenters[name] = Segmenter.open(args.model, name)
        except (ArtefactError, BackendUnavailableError) as error:
            complain(error)  # the others are timed
    if not segmenters:
        raise InputError("None of the backends can run on this machine. Name others with --backends.")
    with tqdm(total=100, unit="%", desc="measuring", leave=False, bar_format="{desc} {bar} {n:.0f} %") as bar:
        samples = measure(
            segmenters, picture, seconds=args.seconds, on_progress=lambda share: bar.update(share * 100 - bar.n)
        )
    first = next(iter(samples))
    result = {
        "machine": machine,
        "backends": {name: summarise(rows) for name, rows in samples.items()},
        "ratios": compare_all(samples, first),
    }
    print(f"{picture.size_hw[1]} x {picture.size_hw[0]} px, decoded; {len(samples[first])} rounds")
    for name, entry in result["backends"].items():
        stages = ", ".join(f"{stage} {ms:.2f}" for stage, ms in entry["stages_ms"].items())
        line = f"  {name:<14} median {entry['latency_ms']['median']:6.2f} ms ({stages})"
        if name != first:
            ratio = result["ratios"][f"{first}/{name}"]
            line += f"  {ratio['median']:.1f}x [{ratio['ci95'][0]:.1f}, {ratio['ci95'][1]:.1f}] {first}"
            line += f": {ratio['verdict']}"
        print(line)
    return result, False


def drawn_picture(size_hw: tuple[int, int] = (375, 500)) -> Picture:
    """A picture to time with where there is no photo: smooth noise, the same every time."""
    noise = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    height, width = size_hw
    return Picture(np.asarray(Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)), size_hw)


if __name__ == "__main__":
    sys.exit(main())
