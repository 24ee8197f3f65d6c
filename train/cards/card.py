"""Scores every artefact of a model on the test split and writes its card (README.md of its folder).

    python -m train card --model models/fastsegnet --data ROOT

The scores go into model.json, with their intervals, what INT8 changes, species, breeds, calibration, disturbed photos
and what the tests hold the model to; the card is rendered from model.json alone. Without --data it is only rendered.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.command import Outcome
from engine.dataset import Sample, read_split
from engine.errors import ArtefactError, InputError
from engine.evaluate import SCORED_BY, spread
from engine.files import write_aside
from engine.robustness import SHOWN, measure_robustness
from engine.score_table import FP32_IR, INT8_IR, ModelScores, score_models
from engine.spec import Model, ModelSpec
from train.cards import gate
from train.cards.card_text import render
from train.data import test_hashes

# Of an evaluation, what model.json keeps for every artefact, and what for the one that is shown.
DETAILS = ("by_species", "by_breed", "calibration")
DIGITS = 5  # of what a reader looks at; the metrics of an artefact are kept whole


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, help="the model's folder")
    parser.add_argument("--data", type=Path, metavar="ROOT", help="score the test split of this dataset")
    parser.add_argument("--disturbed", type=int, metavar="N", help="so many photos are disturbed too; 0: as known")


def run(*, model: Path = Path("models/fastsegnet"), data: Path | None = None, disturbed: int = 200) -> Outcome:
    """Scores the model where there is data, and writes its card; "model", "card" and, where it has some, "scores".

    Raises:
        InputError: there is no such model, the data cannot be read, or INT8 was calibrated on a picture of it.
        ArtefactError, BackendUnavailableError: an artefact does not open.
    """
    opened = Model.open(model)
    spec = opened.spec
    if data is not None:
        spec = evaluated(opened, data, disturbed)
        spec.save(opened.folder)
    card = write_card(spec, opened.folder)
    scores = {name: artefact.metrics for name, artefact in spec.artefacts.items()}
    return Outcome({"model": str(opened.folder), "card": str(card), "scores": scores})


def write_card(spec: ModelSpec, folder: Path) -> Path:
    """Renders a model's card into its folder, and says so."""
    card = folder / "README.md"  # its own, so it is not asked whether it may be replaced
    with write_aside(card) as partial:
        partial.write_text(render(spec))
    print(f"wrote {card}")
    return card


def evaluated(model: Model, root: Path, disturbed: int) -> ModelSpec:
    """The model's spec with all that the test split tells.

    Raises:
        InputError: the data cannot be read, or INT8 was calibrated on a picture of it.
        ArtefactError, BackendUnavailableError: an artefact that model.json lists does not open.
    """
    samples = read_split(root, "test")
    refuse_calibrated(model.spec, root)
    scored = ModelScores.open(model.folder)
    for name in model.spec.artefacts:
        if name in scored.unavailable:
            raise ArtefactError(f"{name} does not open here, so the card would lack it. {scored.unavailable[name]}")
    score_models([scored], samples)
    report = scored.report()
    artefacts = {}
    for name, artefact in model.spec.artefacts.items():
        metrics = {k: v for k, v in report["artefacts"][name].items() if k not in (*DETAILS, "backend")}
        artefacts[name] = replace(artefact, metrics=metrics)
        print(f"{name:<18} {score_line(metrics)}", flush=True)
    shown = report["artefacts"][scored.shown]
    keeping = ("finding", *(() if disturbed else ("robustness",)))  # told by another command, or not asked for anew
    kept = {name: model.spec.evaluation[name] for name in keeping if name in model.spec.evaluation}
    evaluation = kept | {
        "split": "test",
        "images": shown["images"],
        "artefact": scored.shown,
        "int8_minus_fp32": report["int8_minus_fp32"],
        **{name: shown[name] for name in DETAILS},
    }
    for name in ("pixels_without_border", "found", "named"):  # of these the card tells the error only
        evaluation["calibration"].get(name, {}).pop("table", None)
    pair = {name: scored.segmenters[name] for name in (FP32_IR, INT8_IR) if name in scored.segmenters}
    if len(pair) == 2 and disturbed:
        evaluation["robustness"] = disturbed_scores(scored, spread(samples, disturbed))
    evaluation["gate"] = gate.record(pair, root)
    return replace(model.spec, artefacts=artefacts, evaluation=rounded(evaluation))


def refuse_calibrated(spec: ModelSpec, root: Path) -> None:
    """Refuses a test split that holds a picture on which the model's INT8 was calibrated.

    Raises:
        InputError: there is one; it is named.
    """
    calibration = set(spec.training.get("quantization", {}).get("calibration_sha256", []))
    for sha256, photo in test_hashes(root).items():
        if sha256 in calibration:
            raise InputError(
                f"{photo} of the test split calibrated {spec.name}'s INT8, so its score would be too good. "
                "Quantize again on trainval only, or drop the photo's line from test.txt."
            )


def disturbed_scores(scored: ModelScores, samples: list[Sample]) -> dict:
    """What `python -m engine robustness` measures, less the intervals of every single score."""
    segmenters = {SCORED_BY[name]: scored.segmenters[name] for name in (FP32_IR, INT8_IR)}
    result = measure_robustness(segmenters, samples)
    rows = [{"kind": "as they are", "strength": ""} | result["undisturbed"], *result["disturbances"]]
    kept = [
        {
            "kind": row["kind"],
            "strength": row["strength"],
            "scores": row["scores"],
            "int8_minus_fp32": row["difference"][SHOWN[0]],
        }
        for row in rows
    ]
    return {"images": result["images"], "rows": kept}


def score_line(scores: dict) -> str:
    return (
        f"binary {scores['binary']['dataset_iou']:.4f}  trimap {scores['trimap']['mean_iou']:.4f}  "
        f"species {scores['species']['mean_iou']:.4f}"
    )


def rounded(value: Any) -> Any:
    """The same with every fraction rounded to `DIGITS`."""
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [rounded(part) for part in value]
    return round(value, DIGITS) if isinstance(value, float) else value
