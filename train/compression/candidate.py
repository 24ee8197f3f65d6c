"""An INT8 model in a folder aside: what it costs on validation pictures, and how it becomes the model's artefact."""

from dataclasses import replace
from pathlib import Path

import openvino as ov

from engine.backends import DEFAULT_BACKEND_OPTIONS
from engine.backends.openvino import OpenVINOBackend, load, prepare
from engine.dataset import Sample
from engine.evaluate import score
from engine.files import failures_named
from engine.score_table import FP32_IR, INT8_IR
from engine.segmenter import Segmenter
from engine.spec import Model, ModelSpec
from train.compression.scores import JUDGED, drops, read_scores, worst_drop
from train.export import describe_artefact

KEPT = ("binary", "trimap", "species")  # of the validation scores, in model.json


class Candidate:
    """A quantized model, saved aside and scored.

    Args:
        quantized: what NNCF made.
        model: the one that it was made of.
        pets: validation pictures.
        fp32: the FP32 model's evaluation report on them.
        folder: aside, on the disk of the model's own; made where it is not there.

    Attributes:
        size_mb: of the IR.
        executes: the precision that the convolutions really execute in.
        reports: the evaluation reports of FP32 and INT8, by artefact.
        drop: in points of IoU, by the names of `train.compression.scores.SCORES`.
    """

    def __init__(self, quantized: ov.Model, model: Model, samples: list[Sample], fp32: dict, folder: Path) -> None:
        self.quantized = quantized
        folder.mkdir(exist_ok=True)
        self._path = folder / INT8_IR
        with failures_named(model.folder / INT8_IR, self._path):
            ov.save_model(quantized, self._path, compress_to_fp16=False)
        self._artefact = describe_artefact(self._path, "")
        self.size_mb = self._artefact.size_mb
        backend = opened(self._path, model.spec)
        self.executes = backend.describe().precision
        self.reports = {FP32_IR: fp32, INT8_IR: score(Segmenter(model.spec, backend), samples)}
        self.drop = drops(read_scores(fp32), read_scores(self.reports[INT8_IR]))

    @property
    def worst(self) -> float:
        """The largest drop of the judged scores, in points; negative where all of them gained."""
        return worst_drop(self.drop)

    @property
    def loss(self) -> str:
        """The same in words: "0.31 points of species IoU", "nothing"."""
        if self.worst <= 0:
            return "nothing"
        return f"{self.worst:.2f} points of {max(JUDGED, key=lambda name: self.drop[name])} IoU"

    def tell(self, fp32_mb: float) -> None:
        """Prints size and scores beside those of FP32."""
        print(f"4. {INT8_IR}: {self.size_mb:.2f} MB, {fp32_mb / self.size_mb:.1f} times smaller")
        print("5. validation, FP32 -> INT8 (drop in points of IoU)")
        before, after = read_scores(self.reports[FP32_IR]), read_scores(self.reports[INT8_IR])
        for name in before:
            print(f"   {name:<10} {before[name]:.4f} -> {after[name]:.4f}  ({self.drop[name]:+.2f})")

    def write(self, model: Model, command: str, said: dict) -> None:
        """Puts the artefact into the model's folder, and what is said of it into model.json; may be done again."""
        for file in self._path.parent.iterdir():
            file.replace(model.folder / file.name)
        validation = {name: {key: report[key] for key in KEPT} for name, report in self.reports.items()}
        quantization = {**said, "executes": self.executes, "validation": validation}
        replace(
            model.spec,
            artefacts={**model.spec.artefacts, INT8_IR: replace(self._artefact, command=command)},
            training={**model.spec.training, "quantization": quantization},
            evaluation={},  # that of the INT8 before
        ).save(model.folder)


def opened(path: Path, spec: ModelSpec) -> OpenVINOBackend:
    """An IR that is not in model.json yet."""
    return prepare(load(path, spec), spec, DEFAULT_BACKEND_OPTIONS)
