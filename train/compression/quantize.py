"""Quantizes a model's FP32 IR to INT8 with NNCF, and says what it bought and what it cost.

    python -m train quantize --model models/fastsegnet --data ROOT
    python -m train quantize --model models/fastsegnet --data ROOT --from-trail runs/fastsegnet-trail.json
    python -m train quantize --model models/fastsegnet --data ROOT --max-drop 0.2

Post-training quantization of the `ov.Model`: activation ranges come from calibration pictures, which are a part of the
training pictures and are listed by hash in model.json; the scores are of validation pictures, which no training and
no calibration saw. The test split is not touched.

With --from-trail the options are those that `compare` chose; where options are given beside it, they are taken, and the
trail tells how they stand among the others.

With --max-drop, a model that loses more than that has its most harmful layers put back to FP32; the plain one is
written first and stays where that gains nothing, or where Ctrl-C or --time-limit ends it.
"""

import argparse
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import openvino as ov

from engine.command import Outcome, command_line
from engine.dataset import Sample
from engine.errors import InferenceError, InputError
from engine.evaluate import score
from engine.files import Outputs
from engine.score_table import FP32_IR, INT8_IR
from engine.segmenter import Segmenter
from engine.spec import Model
from train.compression.accuracy_control import Judge, put_back, restore
from train.compression.candidate import Candidate, opened
from train.compression.ptq import KNOWN, QuantizationOptions, options_in_words, quantize_ir
from train.compression.scores import read_scores
from train.compression.trail import Trail, choose, reason, standing
from train.data import CALIBRATION_IMAGES, HashedSample, read_trainval, split

HELP = {
    "preset": "activations asymmetric where they need it, or never",
    "range_estimator": "how the range of an activation follows from the pictures",
    "weight_range": "and that of weights",
    "bias_correction": "accurate is slower",
    "overflow_fix": "weights that use half of their range, for CPUs without VNNI",
    "channel_alignment": "even out neighbouring convolutions first",
    "smooth_quant": "of a transformer's matrix products",
    "model_type": "transformer where the network has attention blocks",
    "calibration": "photos alone, or every second picture a scene composed of them",
    "logit_correction": "of the last bias, so that pixels in doubt are decided as in FP32",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, help="folder with openvino-fp32.xml")
    parser.add_argument("--data", type=Path, required=True, metavar="ROOT", help="folder that holds oxford-iiit-pet/")
    for name, known in KNOWN.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            choices=known,
            default=argparse.SUPPRESS,
            help=f"{HELP[name]} (default: {known[0]})",
        )
    parser.add_argument(
        "--subset-size",
        type=int,
        default=argparse.SUPPRESS,
        metavar="N",
        help=f"calibration pictures (default: all, {CALIBRATION_IMAGES} at most)",
    )
    parser.add_argument(
        "--from-trail",
        type=Path,
        metavar="FILE",
        help="of `python -m train compare`: its choice, or how the given options stand",
    )
    parser.add_argument(
        "--max-drop", type=float, metavar="POINTS", help="put layers back to FP32 where a score loses more"
    )
    parser.add_argument("--time-limit", type=float, metavar="MINUTES", help="of putting layers back")


def run(
    *,
    data: Path,
    model: Path = Path("models/fastsegnet"),
    from_trail: Path | None = None,
    max_drop: float | None = None,
    time_limit: float | None = None,
    outputs: Outputs | None = None,
    **options: Any,
) -> Outcome:
    """Quantizes a model, and tells what it bought and cost.

    Args:
        data: root of the dataset.
        model: folder with openvino-fp32.xml; where it has an INT8 already, that is replaced by force only.
        from_trail: what `compare` wrote.
        max_drop: points; layers go back to FP32 where a score loses more.
        time_limit: minutes of putting layers back.
        outputs: keeps what is there.
        options: of `QuantizationOptions`, by name, where they are given.

    Returns:
        "model", "artefact", "size_mb", "executes", "options", "reason", "scores" (of FP32 and INT8, on validation
        pictures), "drop" (points) and "put_back" (layers).

    Raises:
        InputError: an option cannot be used, or an INT8 is there already.
        InferenceError: NNCF failed.
    """
    check(max_drop, time_limit)
    opened_model = Model.open(model)
    (outputs or Outputs()).check(opened_model.folder / INT8_IR)
    spec = opened_model.spec
    source = opened_model.artefact(FP32_IR)
    trail = None if from_trail is None else Trail.load(from_trail)
    if trail is not None and from_trail is not None:
        trail.check_model(spec.artefacts[FP32_IR], from_trail)
    print(f"1. {FP32_IR}: {spec.artefacts[FP32_IR].size_mb:.2f} MB")

    samples = read_trainval(data)
    calibration, validation = split(samples, "calibration"), split(samples, "validation")
    choices, why = choose_options(options, trail, from_trail, len(calibration))
    calibration, photos = calibration[: choices.subset_size], [hashed.sample for hashed in validation]
    print(f"2. {len(calibration)} calibration pictures of trainval, by hash; {len(photos)} validation pictures")

    print(f"3. quantizing with NNCF, preset {choices.preset}, {choices.bias_correction} bias correction", flush=True)
    print(f"   {why}", flush=True)
    said = {
        **asdict(choices),
        "reason": why,
        "max_drop": max_drop,
        "put_back": [],
        "trail": trail.compact() if trail else [],
        "calibration_sha256": [hashed.sha256 for hashed in calibration],
    }
    layers: list[str] = []
    with tempfile.TemporaryDirectory(dir=opened_model.folder, prefix=".quantize-") as folder:
        quantized = quantize_ir(source, calibration, spec.size_hw, choices)
        fp32 = score(Segmenter(spec, opened(source, spec)), photos)
        best = plain = Candidate(quantized, opened_model, photos, fp32, Path(folder) / "plain")
        plain.tell(spec.artefacts[FP32_IR].size_mb)
        command = command_of(model, choices, max_drop)
        plain.write(opened_model, command, said)
        print(f"6. wrote {opened_model.folder / INT8_IR}, which executes {plain.executes}")
        if max_drop is not None:
            aside = Path(folder) / "restored"
            best, layers, happened = keep_accuracy(
                max_drop, time_limit, opened_model, plain, calibration, photos, choices, aside
            )
            why = f"{why} {happened}"
            best.write(opened_model, command, said | {"reason": why, "put_back": layers})
            print("\n   ".join([f"7. {happened}", *layers]))
    print(f"next: python -m train card --model {model} --data ROOT")
    return Outcome(
        {
            "model": str(opened_model.folder),
            "artefact": INT8_IR,
            "size_mb": best.size_mb,
            "executes": best.executes,
            "options": asdict(choices),
            "reason": why,
            "scores": {name: read_scores(report) for name, report in best.reports.items()},
            "drop": best.drop,
            "put_back": layers,
        }
    )


def check(max_drop: float | None, time_limit: float | None) -> None:
    """Refuses options that make no sense.

    Raises:
        InputError: says which and what is expected.
    """
    for name, value in (("--max-drop", max_drop), ("--time-limit", time_limit)):
        if value is not None and not 0 <= value < float("inf"):
            raise InputError(f"{name} is {value:g}; expected 0 or more, such as 0.2.")
    if time_limit is not None and max_drop is None:
        raise InputError("--time-limit is that of putting layers back. Give --max-drop as well.")


def command_of(model: Path, choices: QuantizationOptions, max_drop: float | None) -> str:
    """The command that makes the same INT8 again, whatever the options came from."""
    return command_line("train quantize", model=model, data="ROOT", **choices.changed(), max_drop=max_drop)


def choose_options(
    given: dict[str, Any], trail: Trail | None, path: Path | None, pictures: int
) -> tuple[QuantizationOptions, str]:
    """What to ask of NNCF, and why.

    Raises:
        InputError: NNCF or the dataset does not have it, or no row of the trail can be taken.
    """
    if trail is not None and not given:
        if (best := choose(trail.rows)) is None:
            raise InputError(f"{path} has no row that could be taken. Run `python -m train compare` again.")
        choices, why = best.choices, reason(best, trail.rows)
    else:
        choices = replace(QuantizationOptions(subset_size=min(CALIBRATION_IMAGES, pictures)), **given)
        why = f"Given on the command line: {options_in_words(given)}." if given else "These are the defaults."
        if trail is not None:
            if (row := trail.find(choices)) is None or row.failed:
                raise InputError(
                    f"{path} has no INT8 with {options_in_words(choices.changed())}. "
                    "Compare it as well, or leave the options out: the trail's own choice is then taken."
                )
            why += f" {standing(row, trail.rows)}"
    choices.check(pictures)
    return choices, why


def keep_accuracy(
    max_drop: float,
    time_limit: float | None,
    model: Model,
    plain: Candidate,
    calibration: list[HashedSample],
    photos: list[Sample],
    choices: QuantizationOptions,
    aside: Path,
) -> tuple[Candidate, list[str], str]:
    """The model that keeps to `max_drop` points or comes nearest, its layers put back to FP32, and what happened."""
    allowed = f"the {max_drop:g} allowed"
    if plain.worst <= max_drop:
        return plain, [], f"All layers are in INT8: it loses {plain.loss} at worst, within {allowed}."
    lost = f"With all layers in INT8 it loses {plain.loss}, more than {allowed}"
    print(f"   {lost}: putting layers back to FP32; Ctrl-C keeps the model as it is", flush=True)
    judge = Judge(model.spec, photos, compile_fp32(model), time_limit)
    try:
        restored = restore(model.folder / FP32_IR, calibration, model.spec, choices, judge, max_drop)
    except KeyboardInterrupt:
        return plain, [], f"{lost}; putting layers back was stopped by hand."
    except InferenceError as error:
        return plain, [], f"{lost}. {error}"
    ended = f" in {time_limit:g} minutes" if judge.stopped else ""
    if restored is None:
        return plain, [], f"{lost}; no layer could be put back{ended}."
    best = Candidate(restored, model, photos, plain.reports[FP32_IR], aside)
    if best.worst >= plain.worst:
        return plain, [], f"{lost}; putting layers back gained nothing{ended}."
    best.tell(model.spec.artefacts[FP32_IR].size_mb)
    layers = put_back(plain.quantized, best.quantized)
    goal = "within" if best.worst <= max_drop else "still more than"
    return best, layers, f"{lost}; with {len(layers)} layers put back to FP32{ended} {best.loss}, {goal} {allowed}."


def compile_fp32(model: Model) -> ov.CompiledModel:
    """The FP32 model as NNCF compiles the models that it has judged."""
    return ov.Core().compile_model(model.folder / FP32_IR, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
