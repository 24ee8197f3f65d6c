"""Puts layers of an INT8 model back to FP32, the most harmful first, until it loses no more than is allowed.

NNCF ranks groups of layers by what putting each back to FP32 gains on a part of the validation pictures, then puts them
back one after the other, scoring on all of them each time. Its metric here is the worst drop of the judged scores.
"""

import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import openvino as ov

from engine.dataset import Sample
from engine.errors import InferenceError
from engine.evaluate import read_annotated
from engine.metrics import PetScores, PhotoCounts
from engine.postprocess import protocol_mask, trimap_from_logits
from engine.segmenter import preprocess
from engine.spec import ModelSpec
from train.compression.ptq import (
    QuantizationOptions,
    calibration_dataset,
    corrected,
    nncf_arguments,
    options_in_words,
    quiet,
    read_folded,
)
from train.compression.scores import drops, read_scores, worst_drop
from train.data import HashedSample

AS_FP32 = 100.0  # NNCF's metric of the FP32 model; not 0, which NNCF divides by
RANKING_PICTURES = 48  # that groups of layers are ranked by; NNCF takes those that INT8 harms most
WEIGHTED = ("Convolution", "GroupConvolution", "MatMul", "ConvolutionBackpropData", "GroupConvolutionBackpropData")


class TimeUp(Exception):
    """The time limit came before any layer was put back."""


class Judge:
    """NNCF's validation function: `AS_FP32` less what a model loses against FP32 at worst, in points.

    Pictures and annotations are read once and kept, about half a megabyte each.

    Args:
        spec: the model's.
        pets: the validation pictures.
        fp32: the FP32 model, compiled.
        minutes: after which nothing more is scored, so that NNCF ends with what it has; None for no limit.
    """

    def __init__(
        self, spec: ModelSpec, samples: list[Sample], fp32: ov.CompiledModel, minutes: float | None = None
    ) -> None:
        self.spec = spec
        self.samples = samples
        self.read = [read_annotated(sample, spec.size_hw) for sample in samples]
        self.reference = self.counts(fp32, range(len(samples)))
        self.started = time.monotonic()
        self.minutes = minutes
        self.scored = 0  # models scored on all pictures: NNCF's first two are FP32 and plain INT8
        self.stopped = False

    @property
    def is_time_up(self) -> bool:
        return self.minutes is not None and time.monotonic() - self.started > self.minutes * 60

    def counts(self, compiled: ov.CompiledModel, numbers: Iterable[int]) -> list[PhotoCounts]:
        """What a model makes of the pictures of these numbers."""
        request = compiled.create_infer_request()
        scores = PetScores()
        for number in numbers:
            sample, (picture, trimap) = self.samples[number], self.read[number]
            logits = request.infer([preprocess(picture.image, self.spec.size_hw)])[0][0]
            mask = protocol_mask(logits, picture.size_hw, len(self.spec.objects))
            scores.add(trimap, sample.species, mask, trimap_from_logits(logits, trimap.shape))
        return scores.photos

    def loss(self, photos: list[PhotoCounts], numbers: list[int]) -> float:
        """The worst drop from FP32 on these pictures, in points."""
        before, after = PetScores([self.reference[number] for number in numbers]), PetScores(photos)
        return worst_drop(drops(read_scores(before.report()), read_scores(after.report())))

    def __call__(self, compiled: ov.CompiledModel, numbers: Iterable[int]) -> tuple[float, list[float]]:
        """NNCF's metric of a model, and of each picture by itself.

        Raises:
            TimeUp: the time is up and no layer was put back yet.
        """
        numbers = list(numbers)
        is_step = len(numbers) == len(self.samples)
        if self.is_time_up:
            self.stopped = True
            if self.scored <= 2 and not is_step:
                raise TimeUp
            return AS_FP32, [AS_FP32] * len(numbers)  # NNCF stops here
        photos = self.counts(compiled, numbers)
        loss = self.loss(photos, numbers)
        if is_step:
            self.scored += 1
            self.tell(loss)
        each = [AS_FP32 - self.loss([photo], [number]) for photo, number in zip(photos, numbers, strict=True)]
        return AS_FP32 - loss, each

    def tell(self, loss: float) -> None:
        what = {1: "FP32", 2: "INT8, all layers"}.get(self.scored, f"group {self.scored - 2} put back")
        spent = (time.monotonic() - self.started) / 60
        limit = "" if self.minutes is None else f" of {self.minutes:g}"
        print(f"   {what}: worst drop {loss:+.2f} points ({spent:.1f}{limit} minutes)", flush=True)


def restore(
    source: Path,
    calibration: list[HashedSample],
    spec: ModelSpec,
    choices: QuantizationOptions,
    judge: Judge,
    max_drop: float,
) -> ov.Model | None:
    """The INT8 model with as many layers in FP32 as the limit needs; None where the time was up before the first.

    It may still miss the limit, where no layer helps or the time is up: score it.

    Args:
        source: the FP32 IR.
        calibration: the calibration pictures.
        spec: the model's.
        choices: checked already.
        judge: scores on validation pictures.
        max_drop: in points.

    Raises:
        InferenceError: NNCF failed.
    """
    with quiet(show_bars=True) as nncf:
        arguments = nncf_arguments(choices)
        pictures = calibration_dataset(calibration, spec.size_hw, choices)
        ranking = nncf.AdvancedAccuracyRestorerParameters(
            ranking_subset_size=max(1, min(RANKING_PICTURES, len(judge.samples) // 4)), num_ranking_workers=1
        )
        try:
            restored = nncf.quantize_with_accuracy_control(
                read_folded(source),
                pictures,
                nncf.Dataset(list(range(len(judge.samples)))),
                judge,
                max_drop=max_drop,
                drop_type=nncf.DropType.ABSOLUTE,
                advanced_quantization_parameters=arguments.pop("advanced_parameters"),
                advanced_accuracy_restorer_parameters=ranking,
                **arguments,
            )
        except TimeUp:
            return None
        except Exception as exc:  # NNCF raises errors of many types
            raise InferenceError(
                f"NNCF's accuracy control failed with {options_in_words(choices.changed())} "
                f"({type(exc).__name__}: {exc}). The plain INT8 model is kept."
            ) from exc
    return corrected(restored, source, pictures, choices)


def put_back(plain: ov.Model, restored: ov.Model) -> list[str]:
    """The layers in INT8 in `plain` and not in `restored`, with what they are, in the order of the network.

    Example:
        ["Multiply_13421 (1x1 convolution, 16 to 96 channels)"]
    """
    before, after = quantized_layers(plain), quantized_layers(restored)
    return [f"{name} ({what})" for name, what in before.items() if name not in after]


def quantized_layers(model: ov.Model) -> dict[str, str]:
    """Layers that compute with 8 bits, by name, and what they are: their weights, or else an input, are quantized."""
    layers = {}
    for node in model.get_ordered_ops():
        inputs = [node.input_value(i).get_node() for i in range(node.get_input_size())]
        kind = node.get_type_name()
        if kind in WEIGHTED:
            is_quantized = any(has_integer_weights(each) for each in inputs[1:])
        else:
            is_quantized = any(each.get_type_name() == "FakeQuantize" for each in inputs)
        if is_quantized and kind != "FakeQuantize":
            layers[node.get_friendly_name()] = describe_layer(node)
    return layers


def has_integer_weights(node: ov.Node) -> bool:
    """Whether weights come from 8-bit constants, behind the arithmetic that scales them."""
    while node.get_input_size() and node.get_type_name() in ("Multiply", "Subtract", "Convert", "Reshape"):
        node = node.input_value(0).get_node()
    return node.get_type_name() == "Constant" and node.get_element_type() in (ov.Type.i8, ov.Type.u8)


def describe_layer(node: ov.Node) -> str:
    """A layer for a reader: "3x3 convolution, 48 to 48 channels"."""
    kind = node.get_type_name()
    if kind not in ("Convolution", "GroupConvolution"):
        return kind
    weights = list(node.input_value(1).get_shape())
    height, width = weights[-2:]
    if kind == "GroupConvolution":
        return f"{height}x{width} grouped convolution, {int(np.prod(weights[:2]))} channels"
    return f"{height}x{width} convolution, {weights[1]} to {weights[0]} channels"
