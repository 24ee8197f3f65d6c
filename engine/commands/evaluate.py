"""Score models on Oxford-IIIT Pet.

Without --backend, the table: every artefact of every model in models/ (or of --model), with 95 % intervals over the
photos, and what INT8 changes. With --backend, that one.
"""

import argparse
from pathlib import Path

from engine.command import Outcome
from engine.commands.options import add_backend, add_model
from engine.commands.scores import print_report, print_table
from engine.contact_sheet import Differences, draw_sheet
from engine.dataset import Sample, read_split
from engine.errors import InputError
from engine.evaluate import SCORED_BY, score, spread
from engine.files import Outputs
from engine.found import false_alarms
from engine.images import photos_in
from engine.score_table import FP32_IR, INT8_IR, ModelScores, committed_models, score_models
from engine.segmenter import DEFAULT_MODEL, Segmenter


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, metavar="ROOT", help="holds oxford-iiit-pet/")
    parser.add_argument("--split", help="test or trainval")
    parser.add_argument("--limit", type=int, metavar="N", help="so many photos, spread over the split")
    parser.add_argument("--without", type=Path, metavar="FOLDER", help="photos without a pet: counts false alarms")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="draw there where INT8 and FP32 differ most (a PNG)")
    parser.add_argument("--sheet-photos", type=int, metavar="N", help="so many photos of it")
    add_backend(parser)
    add_model(parser)


def run(
    *,
    data: Path,
    split: str = "test",
    limit: int | None = None,
    without: Path | None = None,
    sheet: Path | None = None,
    sheet_photos: int = 12,
    backend: str | None = None,
    model: str | None = None,
    outputs: Outputs | None = None,
) -> Outcome:
    """Scores one artefact, or all of them, and tells it; the fields of `evaluate --json`.

    Args:
        data: root of the dataset.
        split: "test" or "trainval".
        limit: so many photos only.
        without: a folder of photos without a pet, for "false_alarms".
        sheet: a PNG to draw, of `sheet_photos` photos; for all artefacts alone.
        backend: scores this one alone.
        model: one of models/ or a path; without it and a backend, every model in models/.
        outputs: keeps what is there.

    Raises:
        InputError: the options do not go together, or the data cannot be read.
        ArtefactError, BackendUnavailableError: nothing opens.
    """
    outputs = outputs or Outputs()
    if sheet is not None and backend is not None:
        raise InputError("--sheet compares INT8 with FP32. Leave --backend out.")
    if sheet is not None and sheet_photos < 1:
        raise InputError(f"--sheet-photos is {sheet_photos}; expected 1 or more.")
    if sheet is not None:
        outputs.check(sheet)
    samples = spread(read_split(data, split), limit)
    others = photos_in(without) if without is not None else []
    if backend is None:
        models = [ModelScores.open(name) for name in ([model] if model else committed_models())]
        differences = Differences(sheet_photos) if sheet is not None else None
        result, drawn = score_all(models, samples, split, differences, others)
        if sheet is not None and differences is not None:
            picture = draw_sheet(differences.largest, drawn.model.spec, f"of {len(samples):,} photos of {split}")
            with outputs.write(sheet) as partial:
                picture.save(partial, "PNG", optimize=True)
            print(f"the {len(differences.largest)} photos on which INT8 and FP32 differ most -> {sheet}")
        return Outcome(result)
    name = model or DEFAULT_MODEL
    segmenter = Segmenter.open(name, backend)
    scores = score(segmenter, samples)
    if others:
        scores["false_alarms"] = false_alarms(segmenter, others)
    print(f"{name} on {backend}, {scores['images']:,} photos of {split}")
    print_report(scores)
    return Outcome({"model": name, "backend": backend, "split": split, **scores})


def score_all(
    models: list[ModelScores],
    samples: list[Sample],
    split: str,
    differences: Differences | None,
    others: list[Path],
) -> tuple[dict, ModelScores]:
    """The fields of one artefact, as with --backend, then "models" with all of them; and the model they are of.

    Args:
        models: opened.
        samples: the photos.
        split: they are of.
        differences: told where INT8 and FP32 of that model differ.
        others: photos without a pet, if any; what is shown of a model is tried on them.

    Raises:
        InputError: differences are asked for, and one of the two is missing; or the data cannot be read.
    """
    drawn = next((each for each in models if each.name == DEFAULT_MODEL), models[0])
    if differences is not None and not {INT8_IR, FP32_IR} <= drawn.segmenters.keys():
        missing = " ".join(drawn.unavailable[name] for name in (FP32_IR, INT8_IR) if name in drawn.unavailable)
        raise InputError(f"--sheet compares INT8 with FP32, and {drawn.name} has not both here: {missing}")
    score_models(models, samples, {drawn.name: differences.add} if differences is not None else {})
    reports = {each.name: each.report() for each in models}
    if others:
        for each in models:
            reports[each.name]["artefacts"][each.shown]["false_alarms"] = false_alarms(
                each.segmenters[each.shown], others
            )
    print(f"{len(samples):,} photos of {split}; below each score its 95 % interval over the photos")
    print_table(models, reports)
    shown = {key: value for key, value in reports[drawn.name]["artefacts"][drawn.shown].items() if key != "backend"}
    backend = SCORED_BY[drawn.shown]
    return {"model": drawn.name, "backend": backend, "split": split, **shown, "models": reports}, drawn
