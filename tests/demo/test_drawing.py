"""Pictures fitted to the page, disagreement maps and outlines, pixel by pixel."""

import numpy as np
import pytest

from demo.drawing import MARGIN, MAX_SIDE, crop_to, dashed_outline, disagreement, fit_for_page, fit_mask
from engine.drawing import rgb

CAT, DOG = 1, 2


def test_disagreement_marks_only_pixels_that_differ():
    image = np.full((20, 20, 3), 100, np.uint8)
    left = np.zeros((20, 20), np.uint8)
    right = left.copy()
    right[10, 10] = 1
    drawn = disagreement(image, left, right)
    assert drawn[10, 10].tolist() == list(rgb("#D55E00"))
    assert drawn[0, 0].tolist() == [150, 150, 150]  # 100 // 2 + 100
    assert (disagreement(image, left, left) == 150).all()


def test_large_pictures_are_shown_smaller_and_small_ones_as_they_are():
    assert fit_for_page(np.zeros((3000, 4000, 3), np.uint8)).shape == (MAX_SIDE * 3 // 4, MAX_SIDE, 3)
    assert fit_for_page(np.zeros((30, 40, 3), np.uint8)).shape == (30, 40, 3)


def test_masks_shrink_without_inventing_labels():
    mask = np.zeros((100, 100), np.uint8)
    mask[50:] = 2
    assert np.unique(fit_mask(mask, (33, 33))).tolist() == [0, 2]
    assert fit_mask(mask, (100, 100)) is mask


@pytest.mark.parametrize(
    ("rows", "columns", "expected"),
    [
        # 96 x 48 px; the margin is 96 / 24 = 4 px on each side.
        ((50, 98), (60, 156), ((46, 102), (56, 160))),
        ((0, 48), (0, 96), ((0, 52), (0, 100))),  # the picture ends there
        ((152, 200), (204, 300), ((148, 200), (200, 300))),
    ],
)
def test_a_crop_keeps_what_is_opaque_and_a_margin(rows, columns, expected):
    assert MARGIN == 24
    alpha = np.zeros((200, 300), np.uint8)
    alpha[slice(*rows), slice(*columns)] = 255
    assert crop_to(alpha) == (slice(*expected[0]), slice(*expected[1]))


def test_where_nothing_is_opaque_all_of_it_is_kept():
    assert crop_to(np.zeros((20, 30), np.uint8)) == (slice(0, 20), slice(0, 30))


def is_drawn(drawn: np.ndarray, color: str) -> np.ndarray:
    return (drawn == rgb(color)).all(axis=2)


@pytest.mark.parametrize("scale", [1, 3, 10])
def test_a_dashed_outline_has_the_colour_of_each_class_and_gaps(spec, scale):
    mask = np.zeros((100, 200), np.uint8)
    mask[25:75, 25:75], mask[25:75, 125:175] = CAT, DOG
    mask = mask.repeat(2 * scale, axis=0).repeat(2 * scale, axis=1)
    image = np.full((*mask.shape, 3), 100, np.uint8)
    drawn = dashed_outline(image, mask, spec)
    cat, dog = (is_drawn(drawn, each.color) for each in spec.objects)
    middle = mask.shape[1] // 2
    assert cat[:, :middle].any()
    assert not cat[:, middle:].any()
    assert dog[:, middle:].any()
    assert not dog[:, :middle].any()
    # Along the upper edge of the cat, away from its corners.
    top, ends = 50 * scale, slice(60 * scale, 140 * scale)
    line = cat[top - 2 : top + 3, ends].any(axis=0)
    assert 0.2 < line.mean() < 0.9
    assert np.count_nonzero(np.diff(line.astype(int)) == 1) >= 3
    assert (drawn[100 * scale, 100 * scale] == 100).all()  # not filled
    assert (image == 100).all()  # nor drawn into what came


def test_a_speck_has_no_outline(spec):
    image, mask = np.full((200, 400, 3), 100, np.uint8), np.zeros((200, 400), np.uint8)
    mask[100:102, 100:102] = CAT
    np.testing.assert_array_equal(dashed_outline(image, mask, spec), image)
