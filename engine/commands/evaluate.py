"""Score a model on Oxford-IIIT Pet."""

import argparse
from pathlib import Path

from engine.commands.options import add_backend, add_json, add_model
from engine.evaluate import evaluate
from engine.segmenter import Segmenter


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, metavar="ROOT", help="holds oxford-iiit-pet/")
    parser.add_argument("--split", default="test", help="test or trainval")
    parser.add_argument("--limit", type=int, metavar="N", help="so many photos, spread over the split")
    add_backend(parser)
    add_model(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> tuple[dict, bool]:
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
