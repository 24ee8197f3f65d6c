"""The INT8 model's logits are right on average where pixels are in doubt, and nowhere else is looked."""

from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from openvino import opset13

from engine.errors import InferenceError
from engine.spec import Model
from train.compression.logit_correction import correct_logits, last_bias, mean_error
from train.compression.ptq import QuantizationOptions, calibration_dataset, quantize_ir
from train.data import read_trainval, split


def scaled(factor: float, bias: tuple[float, ...] = (0.0, 0.0, 0.0)) -> ov.Model:
    """Logits are the input (1, 3, 1, n) times a factor, and a bias for each class."""
    batch = opset13.parameter([1, 3, 1, -1], np.float32)
    added = opset13.constant(np.float32(bias).reshape(1, 3, 1, 1))
    return ov.Model([opset13.add(opset13.multiply(batch, np.float32(factor)), added)], [batch])


def shuffled(bias: np.ndarray) -> ov.Model:
    """Two classes, four channels to each, which become blocks of 2 x 2 pixels."""
    batch = opset13.parameter([1, 8, 3, 3], np.float32)
    logits = opset13.add(batch, opset13.constant(bias.astype(np.float32).reshape(1, 8, 1, 1)))
    return ov.Model([opset13.depth_to_space(logits, "depth_first", 2)], [batch])


def answer(model: ov.Model, batch: np.ndarray) -> np.ndarray:
    return ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})([batch])[0]


def test_pixels_that_are_certain_do_not_count():
    # Three pixels of classes a, b, c: (2, 1.5, 0) is in doubt, (8, 0, 0) is not, (0, 1, 1.8) is.
    pixels = np.float32([[2, 1.5, 0], [8, 0, 0], [0, 1, 1.8]]).T.reshape(1, 3, 1, 3)
    # A tenth too high: on average over the first and the last 0.1 of a, 0.125 of b, 0.09 of c.
    np.testing.assert_allclose(mean_error(scaled(1.1), scaled(1), [pixels]), (0.1, 0.125, 0.09), atol=1e-6)
    certain = pixels[..., 1:2]
    assert (mean_error(scaled(1.1), scaled(1), [certain]) == 0).all()


def test_all_pictures_count_by_their_pixels_in_doubt():
    one, other = np.zeros((1, 3, 1, 3), np.float32), np.zeros((1, 3, 1, 1), np.float32)
    one[:, 0], other[:, 0] = 0.4, 0.8
    # (3 * 0.04 + 1 * 0.08) / 4
    np.testing.assert_allclose(mean_error(scaled(1.1), scaled(1), [one, other]), (0.05, 0, 0), atol=1e-6)


def test_a_constant_error_is_gone_behind_a_shuffle_of_pixels():
    rng = np.random.default_rng(0)
    pictures = [rng.normal(size=(1, 8, 3, 3)).astype(np.float32) for _ in range(4)]
    right = rng.normal(size=8)
    wrong = shuffled(right + np.repeat((0.5, -0.25), 4))
    np.testing.assert_allclose(correct_logits(wrong, shuffled(right), pictures), (-0.5, 0.25), atol=1e-5)
    for picture in pictures:
        np.testing.assert_allclose(answer(wrong, picture), answer(shuffled(right), picture), atol=1e-5)


def test_a_model_that_ends_in_no_bias_is_refused():
    batch = opset13.parameter([1, 3, 1, 1], np.float32)
    with pytest.raises(InferenceError, match=r"The model ends in Relu .*, not in a bias that could be corrected"):
        last_bias(ov.Model([opset13.relu(batch)], [batch]))
    model = ov.Model([opset13.add(batch, batch)], [batch])
    with pytest.raises(InferenceError, match="The model ends in Add "):
        last_bias(model)


def test_what_is_quantized_with_it_is_right_on_average(exported: Path, shared_dataset: Path):
    model, calibration = Model.open(exported), split(read_trainval(shared_dataset), "calibration")
    source, size_hw = model.artefact("openvino-fp32.xml"), model.spec.size_hw
    errors = []
    for correction in ("off", "on"):
        choices = QuantizationOptions(bias_correction="none", logit_correction=correction, subset_size=len(calibration))
        quantized = quantize_ir(source, calibration, size_hw, choices, show=False)
        pictures = calibration_dataset(calibration, size_hw, choices).get_inference_data()
        errors.append(np.abs(mean_error(quantized, ov.Core().read_model(source), pictures)).max())
    off, on = errors
    assert on < 0.01 * off, errors
