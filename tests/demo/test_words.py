"""Sentences, by hand from small results."""

import numpy as np
import pytest

from demo import words
from engine.segmenter import Segmentation
from engine.spec import ModelSpec


def result(spec: ModelSpec, mask: np.ndarray, logit: float = 8.0) -> Segmentation:
    """A segmentation whose logits say of the mask's pixels that they are no background, as surely as `logit`."""
    height, width = spec.size_hw
    logits = np.zeros((4, height, width), np.float32)
    logits[0] = 8.0
    logits[0, : height // 2] = -logit
    return Segmentation(mask, logits, {}, spec)


def test_milliseconds_have_a_decimal_under_a_hundred():
    assert words.milliseconds(6.14) == "6.1 ms"
    assert words.milliseconds(140.4) == "140 ms"


def test_less_than_all_is_never_rounded_to_all():
    assert words.percent(1.0) == "100.0 %"
    assert words.percent(0.99999) == "99.9 %"
    assert words.percent(0.4125) == "41.2 %"


def test_same_pet_in_both_is_said_with_the_share_that_agrees(spec):
    mask = np.array([[1, 1], [0, 0]], np.uint8)
    assert (
        words.verdict(result(spec, mask), result(spec, mask), 0.996) == "Same cat in both: 99.6 % of the pixels agree."
    )


def test_different_pets_are_named_left_and_right(spec):
    cat, dog = np.array([[1, 1], [0, 0]], np.uint8), np.array([[2, 2], [0, 0]], np.uint8)
    sentence = words.verdict(result(spec, cat), result(spec, dog), 0.5)
    assert sentence == "Not the same: a cat on the left, a dog on the right; 50.0 % of the pixels agree."


def test_no_pet_is_said_with_the_best_guess(spec):
    mask = np.zeros((40, 25), np.uint8)
    mask[0, 0] = 1  # 1 of 1000 pixels: 0.1 %
    nothing = result(spec, mask)
    assert words.verdict(nothing, nothing, 1.0) == "No cat or dog found. Best guess: cat, 0.1 % of the picture."


def test_an_unsure_guess_is_no_pet(spec):
    mask = np.array([[1, 1], [0, 0]], np.uint8)
    # Background 0.5 against three classes at 0: p(not background) = 3 / (3 + e^0.5) = 0.645, under 0.85.
    assert words.pets(result(spec, mask, logit=-0.5)) == []
    assert words.pets(result(spec, mask)) == ["cat"]


def test_alternative_text_names_each_pet_and_its_share(spec):
    mask = np.array([[1, 1, 2, 0]], np.uint8)
    assert (
        words.segmentation_in_words(result(spec, mask)) == "A cat covers 50.0 % and a dog covers 25.0 % of the picture."
    )


def test_race_compares_with_the_left_backend_and_with_pytorch():
    medians = {"torch": 41.5, "openvino-fp32": 8.54, "openvino-int8": 6.1}
    # 8.54 / 6.1 = 1.4, 41.5 / 6.1 = 6.8
    expected = "OpenVINO INT8 answered in 6.1 ms, 1.4x faster than OpenVINO FP32, 6.8x faster than PyTorch."
    assert words.race("openvino-fp32", "openvino-int8", medians) == expected


def test_race_names_pytorch_once_and_never_itself():
    medians = {"torch": 40.0, "openvino-int8": 8.0}
    assert words.race("torch", "openvino-int8", medians).count("PyTorch") == 1
    assert words.race("torch", "torch", medians) == "PyTorch answered in 40.0 ms."


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(1.02, "no faster or slower than PyTorch"), (0.5, "2.0x slower than PyTorch"), (3.0, "3.0x faster than PyTorch")],
)
def test_lead_is_faster_slower_or_neither(ratio, text):
    assert words.lead("torch", ratio) == text
