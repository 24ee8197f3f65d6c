"""Quantizes a model's FP32 IR to INT8 with NNCF, and says what it bought and what it cost.

    python -m train quantize --model models/fastsegnet --data ROOT

Post-training quantization of the `ov.Model`: activation ranges come from calibration pictures, which are a part of the
training pictures and are listed by hash in model.json; the scores are of validation pictures, which no training and
no calibration saw. The test split is not touched.
"""

import argparse
import os
import tempfile
from dataclasses import replace
from pathlib import Path

import openvino as ov

from engine.backends import DEFAULT_OPTIONS
from engine.backends.openvino import OpenVINOBackend, load, prepare
from engine.evaluate import score
from engine.images import read_picture
from engine.segmenter import Segmenter, preprocess
from engine.spec import Model, ModelSpec
from train.data import HashedPet, read_trainval, split
from train.export import describe_artefact

FP32, INT8 = "openvino-fp32.xml", "openvino-int8.xml"
PRESETS = ("mixed", "performance")
SCORES = (("binary", "dataset_iou"), ("trimap", "mean_iou"), ("species", "mean_iou"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, default=Path("models/fastsegnet"), help="folder with openvino-fp32.xml")
    parser.add_argument("--data", type=Path, required=True, metavar="ROOT", help="folder that holds oxford-iiit-pet/")
    parser.add_argument(
        "--preset", choices=PRESETS, default="mixed", help="activations asymmetric where they need it, or never"
    )


def run(args: argparse.Namespace) -> None:
    model = Model.open(args.model)
    source = model.artefact(FP32)
    print(f"1. {FP32}: {model.spec.artefacts[FP32].size_mb:.2f} MB")

    pets = read_trainval(args.data)
    calibration, validation = split(pets, "calibration"), split(pets, "validation")
    print(f"2. {len(calibration)} calibration pictures of trainval, by hash; {len(validation)} validation pictures")

    print(f"3. quantizing with NNCF, preset {args.preset}, accurate bias correction", flush=True)
    quantized = quantize(source, calibration, model.spec.size_hw, args.preset)
    with tempfile.TemporaryDirectory(dir=model.folder, prefix=".quantize-") as folder_name:
        folder = Path(folder_name)
        ov.save_model(quantized, folder / INT8, compress_to_fp16=False)
        artefact = describe_artefact(folder / INT8, f"python -m train quantize --model {args.model} --data ROOT")
        ratio = model.spec.artefacts[FP32].size_mb / artefact.size_mb
        print(f"4. {INT8}: {artefact.size_mb:.2f} MB, {ratio:.1f} times smaller")

        photos = [hashed.pet for hashed in validation]
        backends = {FP32: opened(source, model.spec), INT8: opened(folder / INT8, model.spec)}
        scores = {name: score(Segmenter(model.spec, backend), photos) for name, backend in backends.items()}
        print("5. validation, FP32 -> INT8 (drop in points of IoU)")
        for name, key in SCORES:
            before, after = scores[FP32][name][key], scores[INT8][name][key]
            print(f"   {name:<8} {before:.4f} -> {after:.4f}  ({(before - after) * 100:+.2f})")
        for file in folder.iterdir():
            file.replace(model.folder / file.name)

    executes = backends[INT8].describe().precision
    training = {
        **model.spec.training,
        "quantization": {
            "preset": args.preset,
            "bias_correction": "accurate",
            "executes": executes,
            "validation": {name: {k: scores[name][k] for k, _ in SCORES} for name in scores},
            "calibration_sha256": [hashed.sha256 for hashed in calibration],
        },
    }
    spec = replace(model.spec, artefacts={**model.spec.artefacts, INT8: artefact}, training=training)
    spec.save(model.folder)
    print(f"6. wrote {model.folder / INT8}, which executes {executes}")
    print(f"next: python -m train card --model {args.model} --data ROOT")


def opened(path: Path, spec: ModelSpec) -> OpenVINOBackend:
    """An IR that is not in model.json yet."""
    return prepare(load(path, spec), spec, DEFAULT_OPTIONS)


def quantize(source: Path, calibration: list[HashedPet], size_hw: tuple[int, int], preset: str) -> ov.Model:
    """The INT8 model.

    NNCF's default overflow fix keeps it exact on CPUs without VNNI. Biases are corrected by the accurate, slower
    algorithm: on the validation pictures it loses nothing, the fast one 0.4 points of species IoU (train/LOG.md).
    """
    os.environ["NNCF_CI"] = "1"  # NNCF's switch for "no telemetry"
    import nncf

    pictures = nncf.Dataset(calibration, lambda hashed: preprocess(read_picture(hashed.pet.photo).image, size_hw))
    return nncf.quantize(
        ov.Core().read_model(source),
        pictures,
        preset=nncf.QuantizationPreset(preset),
        subset_size=len(calibration),
        fast_bias_correction=False,
    )
