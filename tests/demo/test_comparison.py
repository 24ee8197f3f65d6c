"""What two lanes see in one photo, counted by hand."""

import json

import numpy as np
import pytest

from demo.answers import Answers, Seen
from demo.comparison import Comparison, compare
from engine.errors import BackendUnavailableError, InputError
from engine.segmenter import Segmentation

LEFT, RIGHT = "openvino-fp32", "openvino-int8"


def seen(spec, backend: str, mask: list[list[int]]) -> Seen:
    logits = np.zeros((4, *spec.size_hw), np.float32)
    return Seen(None, backend, Segmentation(np.array(mask, np.uint8), logits, {}, spec, logits))


def test_the_agreement_is_the_share_of_pixels_with_the_same_class(spec):
    # Of eight pixels the third and the last differ: 6 / 8.
    left, right = [[1, 1, 0, 0], [1, 1, 0, 2]], [[1, 1, 1, 0], [1, 1, 0, 1]]
    comparison = Comparison(seen(spec, LEFT, left), seen(spec, RIGHT, right), {})
    assert comparison.agreement == 0.75
    numbers = comparison.numbers()
    assert numbers["size_hw"] == [2, 4]
    assert numbers["areas"] == {LEFT: {"cat": 0.5, "dog": 0.125}, RIGHT: {"cat": 0.75, "dog": 0.0}}


def test_all_figures_can_be_written_as_json(fake_lanes, half_photo):
    numbers = compare(fake_lanes, Answers(fake_lanes), half_photo, LEFT, RIGHT).numbers()
    assert (numbers["left"], numbers["right"]) == (LEFT, RIGHT)
    assert numbers["found"] == {LEFT: "found", RIGHT: "found"}
    assert numbers["areas"][LEFT]["cat"] == pytest.approx(0.5, abs=0.02)
    assert numbers["executes"] == {LEFT: "FP32", RIGHT: "FP32"}  # the fakes do
    assert 0.9 < numbers["agreement"] <= 1
    json.dumps(numbers)


def test_a_backend_agrees_with_itself_and_is_asked_once(fake_lanes, half_photo):
    comparison = compare(fake_lanes, Answers(fake_lanes), half_photo, RIGHT, RIGHT)
    assert comparison.agreement == 1
    assert comparison.left is comparison.right


def test_a_comparison_uses_the_answer_that_is_there(fake_lanes, half_photo):
    answers = Answers(fake_lanes)
    assert answers.see(half_photo, RIGHT) is compare(fake_lanes, answers, half_photo, LEFT, RIGHT).right


def test_what_cannot_be_compared_says_why(fake_lanes, lanes_without_torch, half_photo):
    with pytest.raises(InputError, match="There is no backend 'tpu' here"):
        compare(fake_lanes, Answers(fake_lanes), half_photo, "tpu", RIGHT)
    with pytest.raises(BackendUnavailableError, match="needs a package that is missing"):
        compare(lanes_without_torch, Answers(lanes_without_torch), half_photo, "torch", RIGHT)
