"""Compares NNCF's options for a model's INT8 on validation pictures and chooses by a stated rule; changes no model.

    python -m train compare --model models/fastsegnet --data ROOT
    python -m train quantize --model models/fastsegnet --data ROOT --from-trail runs/fastsegnet-trail.json

One option at a time is changed from the defaults: preset, ranges of activations and of weights, bias correction,
overflow fix, channel alignment, subset size, model type, scenes among the pictures, correction of the logits;
--combine then tries the best of each together. Calibration pictures are training pictures, the scores are of
validation pictures; the test split is not touched. The trail is saved after every row (and its table beside it, as
Markdown): the same command goes on where it was stopped.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import openvino as ov

from engine.command import Outcome
from engine.dataset import Sample
from engine.errors import InferenceError, InputError
from engine.evaluate import score, spread
from engine.progress import Step, report, track
from engine.score_table import FP32_IR, INT8_IR
from engine.segmenter import Segmenter
from engine.spec import Model, ModelSpec
from train.compression.candidate import opened
from train.compression.ptq import KNOWN, QuantizationOptions, options_in_words, quantize_ir
from train.compression.scores import drops, read_scores
from train.compression.trail import RULE, TIE, Attempt, Trail, choose, reason
from train.data import CALIBRATION_IMAGES, HashedSample, read_trainval, split
from train.export import describe_artefact

SUBSET_SIZES = (50, 100)
# SmoothQuant touches transformers alone: there it is on, and is compared with being off.
OF_TRANSFORMERS = "smooth_quant"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, help="folder with openvino-fp32.xml")
    parser.add_argument("--data", type=Path, required=True, metavar="ROOT", help="folder that holds oxford-iiit-pet/")
    parser.add_argument(
        "--trail", type=Path, metavar="FILE", help="its rows are not repeated (default: runs/NAME-trail.json)"
    )
    parser.add_argument("--factors", help=f"compare these only: some of {','.join([*KNOWN, 'subset_size'])}")
    parser.add_argument(
        "--subset-sizes",
        metavar="N,N",
        help=f"calibration pictures to try (default: {','.join(map(str, SUBSET_SIZES))})",
    )
    parser.add_argument("--model-type", choices=KNOWN["model_type"], help="of the base")
    parser.add_argument("--combine", action="store_true", help="then try the best value of each option together")
    parser.add_argument("--limit-validation", type=int, metavar="N", help="score so many pictures only (for a trial)")


def run(
    *,
    data: Path,
    model: Path = Path("models/fastsegnet"),
    trail: Path | None = None,
    factors: str | None = None,
    subset_sizes: str | None = None,
    model_type: str = "convolutional",
    combine: bool = False,
    limit_validation: int | None = None,
) -> Outcome:
    """Compares ways to quantize, and chooses.

    Args:
        data: root of the dataset.
        model: folder with openvino-fp32.xml.
        trail: file of the rows; goes on where it was stopped.
        factors: options to vary, with commas; None for all.
        subset_sizes: numbers of calibration pictures to try, with commas.
        model_type: of the base.
        combine: then tries the best value of each option together.
        limit_validation: scores so many pictures only.

    Returns:
        "trail", the file, "fp32" (scores), "rows", and "chosen" and "reason" once a row can be taken.

    Raises:
        InputError: an option cannot be used, or the trail is of another model or of other pictures.
    """
    opened_model = Model.open(model)
    source = opened_model.artefact(FP32_IR)
    samples = read_trainval(data)
    calibration, validation = split(samples, "calibration"), split(samples, "validation")
    validation = spread(validation, limit_validation)
    base = QuantizationOptions(model_type=model_type, subset_size=min(CALIBRATION_IMAGES, len(calibration)))
    plan = one_at_a_time(base, chosen_factors(factors), sizes(subset_sizes, base))
    for choices in plan:
        choices.check(len(calibration))

    path = trail or Path("runs") / f"{opened_model.spec.name}-trail.json"
    so_far = start(path, opened_model, source, validation)
    todo = sum(so_far.find(choices) is None for choices in plan)
    print(f"{len(plan)} ways to quantize, {todo} of them to do; {len(validation)} validation pictures; {path}")
    try:
        compare(plan, so_far, path, opened_model, source, calibration, validation)
        if combine:
            combined = combination(base, so_far.rows)
            if combined in plan:
                print("nothing to combine: at most one option beats the base")
            compare([combined], so_far, path, opened_model, source, calibration, validation)
    except KeyboardInterrupt:
        print(f"stopped; {len(so_far.rows)} ways are in {path}, the same command goes on")
        return Outcome({"trail": str(path), **so_far.as_json()}, interrupted=True)
    print(so_far.table())
    print(f"rule: {RULE}")
    if best := choose(so_far.rows):
        print(f"chosen: {options_in_words(best.choices.changed())}. {reason(best, so_far.rows)}")
        print(f"next: python -m train quantize --model {model} --data ROOT --from-trail {path}")
    return Outcome({"trail": str(path), **so_far.as_json()})


def chosen_factors(names: str | None) -> list[str]:
    """The options to vary.

    Raises:
        InputError: one of them is unknown.
    """
    known = [*KNOWN, "subset_size"]
    chosen = known if names is None else names.replace("-", "_").split(",")
    if unknown := [name for name in chosen if name not in known]:
        raise InputError(f"--factors has {unknown[0]!r}. Known: {', '.join(known)}.")
    return chosen


def sizes(text: str | None, base: QuantizationOptions) -> list[int]:
    """ "50,100" is [50, 100]; None are `SUBSET_SIZES`, as far as there are so many pictures.

    Raises:
        InputError: one of them is no whole number.
    """
    if text is None:
        return [size for size in SUBSET_SIZES if size < base.subset_size]
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as exc:
        raise InputError(f"--subset-sizes is {text!r}; expected whole numbers with commas, such as 50,100.") from exc


def one_at_a_time(base: QuantizationOptions, factors: list[str], subset_sizes: list[int]) -> list[QuantizationOptions]:
    """The base, then the base with one option changed, for every other value of every factor."""
    plan = [base]
    for factor in factors:
        if factor == OF_TRANSFORMERS and base.model_type != "transformer":
            continue
        for value in subset_sizes if factor == "subset_size" else KNOWN[factor]:
            changed: dict[str, Any] = {factor: value}
            if (choices := replace(base, **changed)) not in plan:
                plan.append(choices)
    return plan


def combination(base: QuantizationOptions, rows: list[Attempt]) -> QuantizationOptions:
    """The best value of every option that, changed alone, lost less than the base by more than a tie.

    Example:
        The base loses 0.4 points, fast bias correction alone 0.5, preset performance alone 0.3, histogram ranges alone
        0.1: preset performance with histogram ranges.
    """
    base_row = next((row for row in rows if row.choices == base and not row.failed), None)
    if base_row is None:
        return base
    best: dict[str, Attempt] = {}
    for row in rows:
        changed = row.choices.changed(base)
        if row.failed or len(changed) != 1 or row.choices.overflow_fix == "off":
            continue
        (name,) = changed
        if row.worst < base_row.worst - TIE and (name not in best or row.worst < best[name].worst):
            best[name] = row
    chosen: dict[str, Any] = {name: getattr(row.choices, name) for name, row in best.items()}
    return replace(base, **chosen)


def start(path: Path, model: Model, source: Path, validation: list[HashedSample]) -> Trail:
    """The trail so far, or a new one with the scores of FP32.

    Raises:
        InputError: it is of another model or of other pictures.
    """
    artefact = model.spec.artefacts[FP32_IR]
    hashes = [hashed.sha256 for hashed in validation]
    if path.is_file():
        trail = Trail.load(path)
        trail.check_model(artefact, path)
        if trail.validation != hashes:
            raise InputError(
                f"{path} holds scores of {len(trail.validation)} other validation pictures. "
                "Give the same --limit-validation, or name another --trail."
            )
        return trail
    if path.with_suffix(".md").is_file():
        raise InputError(f"{path.with_suffix('.md')} is there already, and the table goes there. Name another --trail.")
    scores = read_scores(score(Segmenter(model.spec, opened(source, model.spec)), photos(validation)))
    return Trail(model.spec.name, artefact.sha256, hashes, scores)


def compare(
    plan: list[QuantizationOptions],
    trail: Trail,
    path: Path,
    model: Model,
    source: Path,
    calibration: list[HashedSample],
    validation: list[HashedSample],
) -> None:
    """Adds the rows of the plan that the trail does not have, and saves it after each."""
    todo = [choices for choices in plan if trail.find(choices) is None]
    for choices in track(todo, "quantizing"):
        report(Step(0, 1, options_in_words(choices.changed())))
        trail.rows.append(measure(choices, trail, model.spec, source, calibration, photos(validation)))
        trail.save(path)


def measure(
    choices: QuantizationOptions,
    trail: Trail,
    spec: ModelSpec,
    source: Path,
    calibration: list[HashedSample],
    validation: list[Sample],
) -> Attempt:
    """Quantizes in one way and scores it."""
    started = time.perf_counter()
    try:
        quantized = quantize_ir(source, calibration, spec.size_hw, choices, show=False)
    except InferenceError as error:
        return Attempt(choices, failed=str(error))
    seconds = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as folder:
        ov.save_model(quantized, Path(folder) / INT8_IR, compress_to_fp16=False)
        size_mb = describe_artefact(Path(folder) / INT8_IR, "").size_mb
        int8 = Segmenter(spec, opened(Path(folder) / INT8_IR, spec))
        scores = read_scores(score(int8, validation))
    return Attempt(choices, drops(trail.fp32, scores), scores, size_mb, int8.describe().precision, seconds)


def photos(hashed: list[HashedSample]) -> list[Sample]:
    return [each.sample for each in hashed]
