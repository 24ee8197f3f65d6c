"""Calibration errors against arithmetic done by hand."""

import numpy as np
import pytest

from engine.backends.fake import FakeBackend
from engine.calibration import BINS, Calibration, Reliability
from engine.segmenter import Segmenter


def test_the_error_is_the_mean_distance_of_probability_and_truth():
    reliability = Reliability()
    # 0.9 four times, of which three came true: |3.6 - 3| = 0.6; 0.1 once, which did not: 0.1. (0.6 + 0.1) / 5.
    reliability.add(np.array([0.9, 0.9, 0.9, 0.9, 0.1]), np.array([1, 1, 1, 0, 0], bool))
    assert reliability.ece == pytest.approx(0.14)


def test_probabilities_that_keep_their_word_have_no_error():
    reliability = Reliability()
    reliability.add(np.full(10, 0.7), np.arange(10) < 7)
    assert reliability.ece == pytest.approx(0)


def test_errors_of_one_bin_cancel_out_and_those_of_two_do_not():
    together, apart = Reliability(), Reliability()
    together.add(np.array([0.5, 0.5]), np.array([True, False]))
    apart.add(np.array([0.4, 0.6]), np.array([True, False]))  # bins 6 and 9 of 15
    assert together.ece == pytest.approx(0)
    assert apart.ece == pytest.approx(0.6)


def test_a_table_has_the_bins_that_are_not_empty():
    reliability = Reliability()
    reliability.add(np.array([0.0, 1.0, 1.0, 1.0]), np.array([0, 1, 1, 0]))
    first, last = reliability.report()["table"]
    assert first == {"from": 0.0, "to": 1 / BINS, "share": 0.25, "mean_probability": 0.0, "came_true": 0.0}
    assert (last["to"], last["share"], last["mean_probability"]) == (1.0, 0.75, 1.0)
    assert last["came_true"] == pytest.approx(2 / 3)


@pytest.fixture
def segmentation(model):
    """Of 20 x 20 pixels, the left half white and called cat, the right half black and called background."""
    image = np.zeros((20, 20, 3), np.uint8)
    image[:, :10] = 255
    return Segmenter(model.spec, FakeBackend()).predict(image)


def test_pixels_and_the_found_pet_are_measured(segmentation):
    assert (segmentation.mask[:, :10] == 1).all()
    trimap = np.full((20, 20), 2, np.uint8)
    trimap[:, :5], trimap[:, 5:8] = 1, 3  # of the ten columns called cat five are pet, three border, two neither
    calibration = Calibration()
    calibration.add(trimap, "cat", segmentation)
    assert calibration.pixels.counts.sum() == 400
    assert calibration.pixels.outcomes.sum() == 20 * 8
    assert calibration.pixels_without_border.counts.sum() == 20 * 17
    assert calibration.pixels_without_border.outcomes.sum() == 20 * 5
    assert calibration.found.probabilities.sum() == pytest.approx(segmentation.confidence)
    assert calibration.found.outcomes.sum() == pytest.approx(5 / 7)  # the border left out
    assert calibration.named.outcomes.sum() == 1


def test_a_pet_by_the_wrong_name_is_not_named_right(segmentation):
    calibration = Calibration()
    calibration.add(np.ones((20, 20), np.uint8), "dog", segmentation)
    assert calibration.named.outcomes.sum() == 0


def test_what_is_not_annotated_is_not_measured(segmentation):
    trimap = np.zeros((20, 20), np.uint8)
    trimap[:5] = 1
    calibration = Calibration()
    calibration.add(trimap, "cat", segmentation)
    assert calibration.pixels.counts.sum() == 100
    assert calibration.found.outcomes.sum() == 1


def test_a_photo_in_which_nothing_is_found_has_no_confidence(model):
    black = Segmenter(model.spec, FakeBackend()).predict(np.zeros((20, 20, 3), np.uint8))
    calibration = Calibration()
    calibration.add(np.full((20, 20), 2, np.uint8), "cat", black)
    assert "found" not in calibration.report()
    assert calibration.pixels.counts.sum() == 400
