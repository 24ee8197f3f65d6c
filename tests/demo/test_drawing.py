"""Pictures fitted to the page and disagreement maps, pixel by pixel."""

import numpy as np

from demo.drawing import disagreement, fit_for_page, fit_mask
from engine.drawing import rgb


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
    assert fit_for_page(np.zeros((3000, 4000, 3), np.uint8)).shape == (1200, 1600, 3)
    assert fit_for_page(np.zeros((30, 40, 3), np.uint8)).shape == (30, 40, 3)


def test_masks_shrink_without_inventing_labels():
    mask = np.zeros((100, 100), np.uint8)
    mask[50:] = 2
    assert np.unique(fit_mask(mask, (33, 33))).tolist() == [0, 2]
