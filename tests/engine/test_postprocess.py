"""From logits to masks, by hand."""

import itertools

import numpy as np
import pytest
from PIL import Image

from engine.postprocess import (
    STEPS,
    mask_from_logits,
    object_log_odds,
    probabilities_from_logits,
    protocol_mask,
    resize_planes,
    trimap_from_logits,
)


def plain(*values: float, size_hw: tuple[int, int] = (4, 4)) -> np.ndarray:
    """Logits that are the same at every pixel: float32 (num_classes, h, w)."""
    return np.ascontiguousarray(np.broadcast_to(np.array(values, np.float32)[:, None, None], (len(values), *size_hw)))


def from_probabilities(*values: float) -> np.ndarray:
    return plain(*np.log(values))


def upsampled_by_pillow(plane: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    return np.asarray(Image.fromarray(plane).resize(size_hw[::-1], Image.Resampling.BILINEAR))


def test_four_equal_classes_have_log_odds_of_three_to_one():
    np.testing.assert_allclose(object_log_odds(plain(0, 0, 0, 0)), np.log(3), rtol=1e-6)


@pytest.mark.parametrize(("background", "expected"), [(0.68, 1), (0.70, 0)])
def test_a_pixel_is_an_object_where_background_is_less_likely_than_all_objects(background, expected):
    # With 0 for the other three, p(cat) + p(dog) is 2 to e^b of the background: equal at b = log 2 = 0.6931, though the
    # background has the largest logit on both sides of that.
    assert (mask_from_logits(plain(background, 0, 0, 0), (4, 4), 2) == expected).all()


@pytest.mark.parametrize("border", [-30, 0, 30])
def test_however_likely_the_border_is_it_does_not_decide(border):
    assert (mask_from_logits(plain(0.68, 0, 0, border), (4, 4), 2) == 1).all()
    assert (mask_from_logits(plain(0.70, 0, 0, border), (4, 4), 2) == 0).all()


@pytest.mark.parametrize(
    ("probabilities", "users", "protocols"),
    [
        ((0.30, 0.20, 0.15, 0.35), 1, 1),
        ((0.30, 0.10, 0.15, 0.45), 0, 2),  # 0.25 of objects to 0.30, but 0.70 to 0.30 with the border
        ((0.45, 0.01, 0.02, 0.52), 0, 2),  # border alone
        ((0.55, 0.20, 0.15, 0.10), 0, 0),
    ],
)
def test_a_user_gets_half_of_the_border_and_the_protocols_all_of_it(probabilities, users, protocols):
    logits = from_probabilities(*probabilities)
    assert (mask_from_logits(logits, (9, 7), 2) == users).all()
    assert (protocol_mask(logits, (9, 7), 2) == protocols).all()


@pytest.mark.parametrize(("background", "expected"), [(1.09, 1), (1.11, 0)])
def test_for_the_protocols_a_pixel_is_an_object_where_background_is_less_likely_than_all_else(background, expected):
    # As above with the border: p(background) = e^b / (e^b + 3), one half at b = log 3 = 1.0986.
    assert (protocol_mask(plain(background, 0, 0, 0), (4, 4), 2) == expected).all()


def test_without_a_border_a_user_and_the_protocols_get_one_mask():
    logits = np.random.default_rng(0).normal(0, 2, (3, 8, 8)).astype(np.float32)
    np.testing.assert_array_equal(mask_from_logits(logits, (20, 30), 2), protocol_mask(logits, (20, 30), 2))


@pytest.mark.parametrize(("logits", "expected"), [((0, 2, 1, 9), 1), ((0, 1, 2, 9), 2), ((9, 1, 2, 0), 0)])
def test_an_object_is_the_larger_of_cat_and_dog_even_in_the_border(logits, expected):
    assert (mask_from_logits(plain(*logits), (4, 4), 2) == expected).all()


@pytest.mark.parametrize(
    ("cat_lead", "classes"), [(None, {0, 1, 2}), (0.5, {0, 1}), (-0.5, {0, 2})], ids=["both", "cat only", "dog only"]
)
def test_a_larger_mask_is_the_upsampled_log_odds_thresholded(cat_lead, classes):
    logits = np.random.default_rng(0).normal(0, 2, (4, 8, 8)).astype(np.float32)
    logits[0] += 2
    if cat_lead is not None:
        logits[1] = logits[2] + cat_lead
    mask = mask_from_logits(logits, (23, 37), 2)
    log_odds = upsampled_by_pillow(object_log_odds(logits[:3]), (23, 37))
    cat, dog = (upsampled_by_pillow(plane, (23, 37)) for plane in logits[1:3])
    expected = np.where(log_odds > 0, np.where(dog > cat, 2, 1), 0)
    # Two implementations of one resize may differ in the last bits; the log-odds are upsampled in steps.
    is_clear = (abs(log_odds) > 2 / STEPS) & (abs(dog - cat) > 1e-4)
    assert is_clear.mean() > 0.98
    np.testing.assert_array_equal(mask[is_clear], expected[is_clear])
    assert set(np.unique(mask)) == classes


def test_the_species_of_a_far_corner_does_not_spread():
    # A dog at the left and a cat at the right edge, with background between them and ever so slightly cat there.
    logits = plain(10, 0.1, 0, -5, size_hw=(8, 8))
    logits[2, :, 0], logits[1, :, -1] = 20, 20
    mask = mask_from_logits(logits, (8, 64), 2)
    assert (mask[:, 0] == 2).all()
    assert (mask[:, 32] == 0).all()
    assert (mask[:, -1] == 1).all()


def test_probabilities_are_the_softmax():
    probabilities = probabilities_from_logits(from_probabilities(0.1, 0.2, 0.3, 0.4), (6, 9))
    assert probabilities.shape == (4, 6, 9)
    np.testing.assert_allclose(probabilities[:, 3, 4], [0.1, 0.2, 0.3, 0.4], rtol=1e-5)


def test_probabilities_sum_to_one():
    logits = np.random.default_rng(0).normal(0, 5, (4, 8, 8)).astype(np.float32)
    np.testing.assert_allclose(probabilities_from_logits(logits, (20, 30)).sum(axis=0), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ((0.40, 0.25, 0.20, 0.15), 1),  # cat and dog together are 0.45
        ((0.50, 0.20, 0.20, 0.10), 2),
        ((0.20, 0.20, 0.10, 0.50), 3),
        ((0.30, 0.20, 0.16, 0.34), 1),  # 0.36, though neither species alone is the most likely
    ],
)
def test_the_trimap_is_the_most_likely_of_background_pet_and_border(probabilities, expected):
    assert (trimap_from_logits(from_probabilities(*probabilities), (5, 5)) == expected).all()


def test_huge_logits_give_no_nan():
    for values in itertools.product((-1000, 1000), repeat=4):
        logits = plain(*values)
        assert np.isfinite(object_log_odds(logits)).all()
        assert np.isfinite(probabilities_from_logits(logits, (7, 7))).all()


@pytest.mark.parametrize(
    ("logits", "expected"),
    [((1000, -1000, -1000, -1000), 0), ((-1000, 1000, 999, -1000), 1), ((-1000, 999, 1000, 1000), 2)],
)
def test_huge_logits_give_the_right_class(logits, expected):
    assert (mask_from_logits(plain(*logits), (7, 7), 2) == expected).all()


def test_shrinking_averages():
    # (0 + 4 + 8 + 12) / 4 = 6; by rows (0 + 8) / 2 = 4 and (4 + 12) / 2 = 8.
    planes = np.array([[[0, 4], [8, 12]]], np.float32)
    assert resize_planes(planes, (1, 1)).tolist() == [[[6]]]
    assert resize_planes(planes, (1, 2)).tolist() == [[[4, 8]]]


def test_growing_interpolates_between_pixel_centres():
    # Two pixels to four: the new centres lie at -0.25, 0.25, 0.75 and 1.25 of the old ones; the ends repeat the edge.
    assert resize_planes(np.array([[[0, 8]]], np.float32), (1, 4)).tolist() == [[[0, 2, 6, 8]]]


@pytest.mark.parametrize("size_hw", [(4, 4), (16, 3), (3, 16)])
def test_a_mask_smaller_than_the_logits_keeps_its_halves(size_hw):
    logits = plain(0, 5, -5, -5, size_hw=(8, 8))
    logits[0, :4] = 10
    mask = mask_from_logits(logits, size_hw, 2)
    assert mask.shape == size_hw
    assert (mask[0] == 0).all()
    assert (mask[-1] == 1).all()
