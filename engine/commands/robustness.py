"""Score a model on disturbed photos.

JPEG, blur, noise, light, rotation and small pets, at several strengths: FP32 beside INT8 on the same photos of
Oxford-IIIT Pet, and what is lost against the photos as they are.
"""

import argparse
from pathlib import Path

from engine.command import Outcome
from engine.commands.options import add_model
from engine.commands.scores import points
from engine.dataset import read_split
from engine.evaluate import spread
from engine.robustness import SHOWN, measure_robustness
from engine.segmenter import DEFAULT_MODEL, Segmenter

BACKENDS = ("openvino-fp32", "openvino-int8")
HEADINGS = ("binary IoU", "species mIoU")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, metavar="ROOT", help="holds oxford-iiit-pet/")
    parser.add_argument("--split", help="test or trainval")
    parser.add_argument("--limit", type=int, metavar="N", help="so many photos, spread over the split")
    add_model(parser)


def run(*, data: Path, split: str = "test", limit: int = 200, model: str = DEFAULT_MODEL) -> Outcome:
    """Scores FP32 and INT8 on disturbed photos and tells it.

    Raises:
        InputError: there is no such dataset, split or model.
    """
    samples = spread(read_split(data, split), limit)
    segmenters = {name: Segmenter.open(model, name) for name in BACKENDS}
    result = measure_robustness(segmenters, samples)
    print(f"{model}, {len(samples):,} photos of {split}; in brackets points lost against the photos as they")
    print("are, INT8 - FP32 in points with its 95 % interval")
    print_rows(result)
    return Outcome({"model": model, "split": split, **result})


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
