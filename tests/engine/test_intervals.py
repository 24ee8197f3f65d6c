"""Intervals against arithmetic done by hand, and pairs that cancel what is hard for both."""

import numpy as np
import pytest

from engine.intervals import DRAWS, difference, draws, interval, intervals
from engine.metrics import HEADLINES, PetScores


def photos(rights: list[int]) -> PetScores:
    """Photos of 10 x 10 pixels, all pet, of which so many rows are found."""
    scores = PetScores()
    for right in rights:
        trimap = np.ones((10, 10), np.uint8)
        mask = np.zeros((10, 10), np.uint8)
        mask[:right] = 1
        scores.add(trimap, "cat", mask, np.where(mask, 1, 2).astype(np.uint8))
    return scores


def test_a_draw_takes_as_many_photos_as_there_are():
    drawn = draws(7)
    assert drawn.shape == (DRAWS, 7)
    assert (drawn.sum(axis=1) == 7).all()
    # A photo comes once a draw on average; with 2,000 draws the mean lies within 4 standard errors of 1 / sqrt(2000).
    np.testing.assert_allclose(drawn.mean(axis=0), 1, atol=4 / np.sqrt(DRAWS))


def test_draws_are_the_same_every_time():
    first = draws(5).copy()
    draws.cache_clear()
    np.testing.assert_array_equal(first, draws(5))


def test_an_interval_holds_the_middle_95_percent():
    assert interval(np.arange(1001)) == [25.0, 975.0]


def test_draws_without_a_class_are_left_out():
    assert interval(np.array([np.nan, *range(1001), np.nan])) == [25.0, 975.0]


def test_equal_photos_have_an_interval_of_no_width():
    assert intervals(photos([5] * 6))["binary.dataset_iou"] == [0.5, 0.5]
    assert intervals(photos([5])).keys() == set(HEADLINES)


def test_the_interval_of_a_mean_is_as_wide_as_its_standard_error_says():
    # 400 photos, half with IoU 0.4 and half with 0.8: deviation 0.2, standard error 0.2 / sqrt(400) = 0.01, so 95 % lie
    # within 1.96 * 0.01 of 0.6; the bootstrap of 2,000 draws is right to a tenth of that.
    low, high = intervals(photos([4, 8] * 200))["binary.mean_image_iou"]
    assert low == pytest.approx(0.6 - 0.0196, abs=0.002)
    assert high == pytest.approx(0.6 + 0.0196, abs=0.002)


def test_what_is_hard_for_both_cancels_out():
    # Each photo is found a tenth better by the second, however hard it is: the difference is sure, the scores are not.
    hard = [1, 3, 5, 7, 9] * 4
    better = difference(photos([right + 1 for right in hard]), photos(hard))["binary.mean_image_iou"]
    assert better["difference"] == pytest.approx(0.1)
    assert better["ci95"] == pytest.approx([0.1, 0.1])
    low, high = intervals(photos(hard))["binary.mean_image_iou"]
    assert high - low > 0.2


def test_a_difference_wants_the_same_photos():
    other = PetScores()
    other.add(np.full((10, 10), 2, np.uint8), "cat", np.zeros((10, 10), np.uint8), np.full((10, 10), 2, np.uint8))
    with pytest.raises(AssertionError):
        difference(photos([5]), other)
