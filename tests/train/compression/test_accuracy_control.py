"""Accuracy control: what NNCF is told of a model, which layers were put back, what happens when the time is up."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import openvino as ov
import openvino.opset13 as ops
import pytest

from engine.spec import Model
from train.compression.accuracy_control import AS_FP32, Judge, TimeUp, put_back, quantized_layers, restore
from train.compression.ptq import QuantizationOptions
from train.data import read_trainval, split

SIZE = 32


def convolve(features: ov.Node, out_channels: int, name: str) -> ov.Node:
    """A 3x3 convolution with drawn weights and a ReLU."""
    in_channels = features.get_output_partial_shape(0)[1].get_length()
    weights = np.random.default_rng(out_channels).normal(size=(out_channels, in_channels, 3, 3)).astype(np.float32)
    convolution = ops.convolution(features, ops.constant(weights), [1, 1], [1, 1], [1, 1], [1, 1])
    convolution.set_friendly_name(name)
    return ops.relu(convolution)


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """An IR of two convolutions, from `batch` uint8 (N, 32, 32, 3) to four logits."""
    batch = ops.parameter([-1, SIZE, SIZE, 3], np.uint8, name="batch")
    pixels = ops.divide(ops.convert(batch, np.float32), ops.constant(np.float32(255)))
    features = convolve(ops.transpose(pixels, ops.constant([0, 3, 1, 2])), 8, "first")
    model = ov.Model([convolve(features, 4, "second")], [batch], "two convolutions")
    path = tmp_path_factory.mktemp("ir") / "fp32.xml"
    ov.save_model(model, path, compress_to_fp16=False)
    return path


class ScriptedJudge:
    """Tells NNCF what the test wants to be told: the losses of the models, in the order they come."""

    def __init__(self, pets: list, losses: list[float]) -> None:
        self.samples = pets
        self.losses = losses

    def __call__(self, compiled: ov.CompiledModel, numbers) -> tuple[float, list[float]]:
        numbers = list(numbers)
        loss = 0.3 if len(numbers) < len(self.samples) else self.losses.pop(0)
        if loss is None:
            raise TimeUp
        return AS_FP32 - loss, [AS_FP32 - loss] * len(numbers)


@pytest.fixture(scope="module")
def calibration(shared_dataset) -> list:
    return split(read_trainval(shared_dataset), "calibration")[:2]


def restored(source: Path, calibration: list, losses: list[float]) -> ov.Model | None:
    spec = SimpleNamespace(size_hw=(SIZE, SIZE))
    choices = QuantizationOptions(subset_size=2, bias_correction="none")
    judge = ScriptedJudge([None] * 4, losses)
    return restore(source, calibration, spec, choices, judge, 0.2)


@pytest.fixture(scope="module")
def plain(source, calibration) -> ov.Model:
    """Plain INT8 loses nothing, so NNCF gives it back."""
    return restored(source, calibration, [0.0, 0.0])


def test_layers_in_int8_are_named_with_what_they_are(plain, source):
    layers = quantized_layers(plain)
    assert layers["first"] == "3x3 convolution, 3 to 8 channels"
    assert layers["second"] == "3x3 convolution, 8 to 4 channels"
    assert not quantized_layers(ov.Core().read_model(source))
    assert put_back(plain, plain) == []


def test_layers_are_put_back_until_the_limit_is_kept(plain, source, calibration):
    # FP32, plain INT8, then one group of layers after the other: 0.5 and 0.3 miss the limit of 0.2, 0.1 keeps it.
    once = put_back(plain, restored(source, calibration, [0.0, 0.5, 0.1]))
    twice = put_back(plain, restored(source, calibration, [0.0, 0.5, 0.3, 0.1]))
    assert once
    assert set(once) < set(twice)
    assert "second (3x3 convolution, 8 to 4 channels)" in twice
    assert "first (3x3 convolution, 3 to 8 channels)" in twice


def test_time_up_before_the_first_layer_gives_nothing(source, calibration):
    assert restored(source, calibration, [0.0, None]) is None


@pytest.fixture(scope="module")
def judged(exported, shared_dataset) -> tuple[Judge, ov.CompiledModel]:
    """A judge of the drawn model, and the model."""
    spec = Model.open(exported).spec
    fp32 = ov.Core().compile_model(exported / "openvino-fp32.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    pets = [hashed.sample for hashed in split(read_trainval(shared_dataset), "training")[:3]]
    return Judge(spec, pets, fp32), fp32


def test_fp32_loses_nothing_against_itself(judged, capsys):
    judge, fp32 = judged
    assert judge(fp32, range(3)) == (AS_FP32, [AS_FP32] * 3)
    assert judge(fp32, [1]) == (AS_FP32, [AS_FP32])
    told = capsys.readouterr().out
    assert told.count("worst drop +0.00 points") == 1  # a part of the pictures is no news


def test_a_model_that_sees_nothing_loses_all_that_fp32_had(judged):
    judge, fp32 = judged

    class Blind:
        """Logits that say background everywhere."""

        def create_infer_request(self):
            logits = np.zeros((1, 4, 64, 64), np.float32)
            logits[:, 0] = 9
            return SimpleNamespace(infer=lambda inputs: [logits])

    judge.reference = judge.counts(perfect(judge), range(3))
    metric, each = judge(Blind(), range(3))
    # The binary IoU falls from the perfect mask's to 0, which no other score can lose: some are means over classes.
    assert metric == pytest.approx(AS_FP32 - 100 * binary_iou(judge.reference), abs=1e-6)
    assert len(each) == 3
    judge.reference = judge.counts(fp32, range(3))


def perfect(judge: Judge):
    """A stand-in for a compiled model that answers the annotation of one picture after the other."""

    class Perfect:
        def create_infer_request(self):
            answers = iter(judge.read)

            def infer(inputs):
                _, trimap = next(answers)
                rows = np.linspace(0, trimap.shape[0] - 1, 64).round().astype(int)
                columns = np.linspace(0, trimap.shape[1] - 1, 64).round().astype(int)
                is_pet = trimap[np.ix_(rows, columns)] != 2
                logits = np.zeros((1, 4, 64, 64), np.float32)
                logits[0, 0], logits[0, 1] = np.where(is_pet, -9, 9), np.where(is_pet, 9, -9)
                return [logits]

            return SimpleNamespace(infer=infer)

    return Perfect()


def binary_iou(photos: list) -> float:
    confusion = sum(photo.binary for photo in photos)
    return max(
        confusion[1, 1] / (confusion.sum() - confusion[0, 0]),
        float(np.mean([p.binary[1, 1] / (p.binary.sum() - p.binary[0, 0]) for p in photos])),
    )


def test_when_the_time_is_up_nothing_more_is_scored(judged):
    judge, fp32 = judged
    late = Judge(judge.spec, judge.samples, fp32, minutes=0)
    with pytest.raises(TimeUp):
        late(None, [0])
    late.scored = 3  # a layer was put back: what is there is good enough
    assert late(None, [0]) == (AS_FP32, [AS_FP32])
    assert late(None, range(3)) == (AS_FP32, [AS_FP32] * 3)
    assert late.stopped
