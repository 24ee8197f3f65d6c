"""Averaging over time: what stands still is averaged, what moves is believed at once, a cut forgets."""

import numpy as np
import pytest

from engine.video.smoothing import CUT, TemporalSmoothing, mix, stillness

GREY = np.full((8, 8, 3), 100, np.uint8)


def two_classes(background: float) -> np.ndarray:
    """float32 (2, 8, 8), the same everywhere."""
    return np.stack([np.full((8, 8), p, np.float32) for p in (background, 1 - background)])


def test_the_first_frame_is_taken_as_it_is_and_is_no_cut():
    smoothed, is_cut = TemporalSmoothing(0.7)(GREY, two_classes(0.2))
    assert smoothed == pytest.approx(two_classes(0.2))
    assert not is_cut


def test_where_the_picture_stands_still_the_past_has_its_share():
    smoothing = TemporalSmoothing(0.75)
    smoothing(GREY, two_classes(0.2))
    smoothed, _ = smoothing(GREY, two_classes(0.6))
    assert smoothed == pytest.approx(two_classes(0.3))  # 0.75 * 0.2 + 0.25 * 0.6
    again, _ = smoothing(GREY, two_classes(0.6))
    assert again == pytest.approx(two_classes(0.375))  # 0.75 * 0.3 + 0.25 * 0.6


def test_where_the_picture_changed_the_frame_is_believed_at_once():
    smoothing = TemporalSmoothing(0.75)
    smoothing(GREY, two_classes(0.2))
    moved = GREY.copy()
    moved[:, 4:] += 20  # the right half; at its edge 7 px are averaged: the changes at columns 0 and 7 are 0 and 20
    smoothed, is_cut = smoothing(moved, two_classes(0.6))
    assert not is_cut
    assert smoothed[0, :, 0] == pytest.approx(0.3)
    assert smoothed[0, :, 7] == pytest.approx(0.6)


def test_a_cut_forgets_the_past_and_says_so():
    smoothing = TemporalSmoothing(0.75)
    smoothing(GREY, two_classes(0.2))
    other = GREY + np.uint8(CUT + 1)
    smoothed, is_cut = smoothing(other, two_classes(0.6))
    assert is_cut
    assert smoothed == pytest.approx(two_classes(0.6))
    after, is_cut = smoothing(other, two_classes(0.2))
    assert not is_cut
    assert after == pytest.approx(two_classes(0.5))  # 0.75 * 0.6 + 0.25 * 0.2: the past begins with the cut


def test_reset_forgets_the_past():
    smoothing = TemporalSmoothing(0.75)
    smoothing(GREY, two_classes(0.2))
    smoothing.reset()
    smoothed, is_cut = smoothing(GREY, two_classes(0.6))
    assert smoothed == pytest.approx(two_classes(0.6))
    assert not is_cut


def test_without_strength_each_frame_is_by_itself_and_cuts_are_still_seen():
    smoothing = TemporalSmoothing(0.0)
    smoothing(GREY, two_classes(0.2))
    smoothed, _ = smoothing(GREY, two_classes(0.6))
    assert smoothed == pytest.approx(two_classes(0.6))
    assert smoothing(GREY + np.uint8(CUT + 1), two_classes(0.6))[1]


def test_stillness_falls_from_one_to_nothing_as_the_change_grows():
    # (8 - 5.5) / (8 - 3) = 0.5 cannot be had from whole grey levels: 5 gives 0.6.
    for change, still in ((0, 1.0), (3, 1.0), (5, 0.6), (8, 0.0), (40, 0.0)):
        assert stillness(np.full((9, 9), change, np.uint8)) == pytest.approx(np.full((9, 9), still))


def test_a_pixel_of_noise_does_not_count_as_movement():
    change = np.zeros((9, 9), np.uint8)
    change[4, 4] = 100  # 100 / 49 = 2 levels on average around it
    assert stillness(change).min() == 1.0


def test_mix_leaves_probabilities_that_sum_to_one():
    rng = np.random.default_rng(0)
    past, now = (rng.dirichlet(np.ones(4), (5, 6)).transpose(2, 0, 1).astype(np.float32) for _ in range(2))
    mixed = mix(past, now, rng.random((5, 6), np.float32))
    assert mixed.sum(axis=0) == pytest.approx(np.ones((5, 6)), abs=1e-6)
