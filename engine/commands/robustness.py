"""Score a model on disturbed photos.

JPEG, blur, noise, light, rotation and small pets, at several strengths: FP32 beside INT8 on the same photos of
Oxford-IIIT Pet, and what is lost against the photos as they are.
"""

import argparse
from pathlib import Path

from tqdm import tqdm

from engine.commands.options import add_json, add_model
from engine.commands.scores import points
from engine.dataset import read_split
from engine.evaluate import spread
from engine.robustness import SHOWN, STEPS, measure_robustness
from engine.segmenter import Segmenter

BACKENDS = ("openvino-fp32", "openvino-int8")
HEADINGS = ("binary IoU", "species mIoU")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, metavar="ROOT", help="holds oxford-iiit-pet/")
    parser.add_argument("--split", default="test", help="test or trainval")
    parser.add_argument(
        "--limit", type=int, default=200, metavar="N", help="so many photos, spread over the split (200)"
    )
    add_model(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> tuple[dict, bool]:
    samples = spread(read_split(args.data, args.split), args.limit)
    segmenters = {name: Segmenter.open(args.model, name) for name in BACKENDS}
    with tqdm(total=len(samples) * STEPS, desc="disturbing", unit="picture", leave=False, mininterval=1) as bar:
        result = measure_robustness(segmenters, samples, bar.update)
    print(f"{args.model}, {len(samples):,} photos of {args.split}; in brackets points lost against the photos as they")
    print("are, INT8 - FP32 in points with its 95 % interval")
    print_rows(result)
    return {"model": args.model, "split": args.split, **result}, False


def print_rows(result: dict) -> None:
    """A line for each disturbance: both scores of FP32 and INT8, what they lose, and INT8 - FP32 in binary IoU."""
    titles = [f"{heading}, {name}" for heading in HEADINGS for name in ("FP32", "INT8")]
    print(f"{'':<40}" + "".join(f"{title:<20}" for title in titles) + "INT8 - FP32, binary IoU")
    for row in ({"kind": "as they are", "strength": ""} | result["undisturbed"], *result["disturbances"]):
        cells = [cell(row, name, key) for key in SHOWN for name in row["scores"]]
        change = row["difference"][SHOWN[0]]
        low, high = (points(end) for end in change["ci95"])
        print(
            f"  {row['kind'] + '  ' + row['strength']:<38}"
            + "".join(f"{text:<20}" for text in cells)
            + f"{points(change['difference'])} [{low}, {high}]"
        )


def cell(row: dict, name: str, key: str) -> str:
    """ "0.8214 (-8.93)"."""
    text = f"{row['scores'][name][key]:.4f}"
    return f"{text} ({points(-row['drop'][name][key])})" if "drop" in row else text
