"""Score models on Oxford-IIIT Pet.

Without --backend, the table: every artefact of every model in models/ (or of --model), with 95 % intervals over the
photos, and what INT8 changes. With --backend, that one.
"""

import argparse
from pathlib import Path

from engine.commands.options import add_backend, add_json, add_model
from engine.commands.scores import print_report, print_table
from engine.contact_sheet import Differences, draw_sheet
from engine.dataset import Sample, read_split
from engine.errors import InputError
from engine.evaluate import SCORED_BY, score, spread
from engine.files import write_aside
from engine.score_table import FP32_IR, INT8_IR, ModelScores, committed_models, score_models
from engine.segmenter import DEFAULT_MODEL, Segmenter


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, metavar="ROOT", help="holds oxford-iiit-pet/")
    parser.add_argument("--split", default="test", help="test or trainval")
    parser.add_argument("--limit", type=int, metavar="N", help="so many photos, spread over the split")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="draw there where INT8 and FP32 differ most (a PNG)")
    parser.add_argument("--sheet-photos", type=int, default=12, metavar="N", help="so many photos of it (12)")
    add_backend(parser, default=None)
    add_model(parser)
    parser.set_defaults(model=None)
    add_json(parser)


def run(args: argparse.Namespace) -> tuple[dict, bool]:
    if args.sheet is not None and args.backend is not None:
        raise InputError("--sheet compares INT8 with FP32. Leave --backend out.")
    if args.sheet is not None and args.sheet_photos < 1:
        raise InputError(f"--sheet-photos is {args.sheet_photos}; expected 1 or more.")
    if args.backend is None:
        return evaluate_table(args), False
    model = args.model or DEFAULT_MODEL
    segmenter = Segmenter.open(model, args.backend)
    scores = score(segmenter, spread(read_split(args.data, args.split), args.limit))
    print(f"{model} on {args.backend}, {scores['images']:,} photos of {args.split}")
    print_report(scores)
    return {"model": model, "backend": args.backend, "split": args.split, **scores}, False


def evaluate_table(args: argparse.Namespace) -> dict:
    """The fields of one artefact, as with --backend, then "models" with all of them."""
    samples = spread(read_split(args.data, args.split), args.limit)
    models = [ModelScores.open(name) for name in ([args.model] if args.model else committed_models())]
    drawn = next((each for each in models if each.name == DEFAULT_MODEL), models[0])
    differences = Differences(args.sheet_photos)
    if args.sheet is not None and not {INT8_IR, FP32_IR} <= drawn.segmenters.keys():
        missing = " ".join(drawn.unavailable[name] for name in (FP32_IR, INT8_IR) if name in drawn.unavailable)
        raise InputError(f"--sheet compares INT8 with FP32, and {drawn.name} has not both here: {missing}")

    score_models(models, samples, {drawn.name: differences.add} if args.sheet is not None else {})
    reports = {each.name: each.report() for each in models}
    print(f"{len(samples):,} photos of {args.split}; below each score its 95 % interval over the photos")
    print_table(models, reports)
    if args.sheet is not None:
        write_sheet(args, drawn, differences, samples)
    shown = {key: value for key, value in reports[drawn.name]["artefacts"][drawn.shown].items() if key != "backend"}
    backend = SCORED_BY[drawn.shown]
    return {"model": drawn.name, "backend": backend, "split": args.split, **shown, "models": reports}


def write_sheet(args: argparse.Namespace, model: ModelScores, differences: Differences, samples: list[Sample]) -> None:
    spec = model.model.spec
    sheet = draw_sheet(differences.largest, spec, f"of {len(samples):,} photos of {args.split}")
    with write_aside(args.sheet) as partial:
        sheet.save(partial, "PNG", optimize=True)
    print(f"the {len(differences.largest)} photos on which INT8 and FP32 differ most -> {args.sheet}")
