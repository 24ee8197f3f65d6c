"""Every score against arithmetic done by hand."""

import numpy as np
import pytest

from engine.metrics import (
    HEADLINES,
    IGNORE_INDEX,
    PetScores,
    band,
    boundary_iou,
    confusion_matrix,
    iou_per_class,
    mean_iou,
)

TRIMAP = np.array([[2, 2, 2, 2], [2, 3, 3, 2], [2, 1, 1, 2], [2, 2, 2, 2]], np.uint8)  # pet 1, background 2, border 3
MASK = np.array([[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 2, 0], [0, 0, 0, 1]], np.uint8)  # background 0, cat 1, dog 2
TRIMAP_PREDICTION = np.array([[2, 2, 2, 2], [2, 3, 1, 2], [2, 1, 1, 2], [2, 2, 2, 3]], np.uint8)


@pytest.fixture
def report() -> dict:
    scores = PetScores()
    scores.add(TRIMAP, "cat", MASK, TRIMAP_PREDICTION)
    return scores.report()


def block(size: int, rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros((size, size), bool)
    mask[rows, columns] = True
    return mask


def test_confusion_counts_annotated_in_rows_and_predicted_in_columns():
    target = np.array([0, 1, 1, IGNORE_INDEX])
    prediction = np.array([0, 0, 1, 1])
    # 0 -> 0 once, 1 -> 0 once, 1 -> 1 once; the last pixel is ignored.
    assert confusion_matrix(target, prediction, 2).tolist() == [[1, 0], [1, 1]]


def test_iou_is_intersection_over_union():
    # Class 0: 3 on the diagonal, row 4, column 5: 3 / (4 + 5 - 3) = 1 / 2. Class 1: 4 / (6 + 5 - 4) = 4 / 7.
    np.testing.assert_allclose(iou_per_class(np.array([[3, 1], [2, 4]])), [1 / 2, 4 / 7])


def test_a_class_absent_from_both_is_left_out_of_the_mean():
    # Class 0: 4 / 5; class 1: 1 / 2; class 2 has no pixel anywhere.
    confusion = np.array([[4, 0, 0], [1, 1, 0], [0, 0, 0]])
    assert np.isnan(iou_per_class(confusion)[2])
    assert mean_iou(confusion) == pytest.approx((4 / 5 + 1 / 2) / 2)


def test_binary_counts_the_border_as_pet(report):
    # Pet: 2 + 2 pixels annotated, 5 predicted, 4 of them in both, 5 in either. 15 of 16 pixels are right.
    assert report["binary"] == {"dataset_iou": pytest.approx(4 / 5), "mean_image_iou": pytest.approx(4 / 5)}
    assert report["pixel_accuracy"] == pytest.approx(15 / 16)


def test_the_outline_scores_a_users_mask_without_the_border():
    # Of the 14 pixels that are no border: 2 annotated as pet; the user's mask has the lower of the two rows and one
    # more pixel: 2 in both, 3 in either. The protocols' mask is another one, and changes nothing.
    users_mask = np.array([[0, 0, 0, 0], [0, 0, 1, 0], [0, 1, 2, 0], [1, 0, 0, 0]], np.uint8)
    scores = PetScores()
    scores.add(TRIMAP, "cat", MASK, TRIMAP_PREDICTION, users_mask=users_mask)
    report = scores.report()
    assert report["outline"] == {"dataset_iou": pytest.approx(2 / 3), "mean_image_iou": pytest.approx(2 / 3)}
    assert report["binary"]["dataset_iou"] == pytest.approx(4 / 5)


def test_a_void_that_is_called_pet_costs_the_outline_nothing():
    # 1 = pet, 3 = void, 2 = background: three pets found, and two of void called so.
    annotated = np.array([[1, 1, 1, 3, 3, 2]], np.uint8)
    scores = PetScores()
    scores.add(annotated, "cat", np.array([[1, 1, 1, 1, 1, 0]], np.uint8), annotated)
    assert scores.report()["outline"]["dataset_iou"] == 1


def test_the_outline_of_the_dataset_weighs_pixels_and_its_mean_weighs_photos():
    scores = PetScores()
    # 1 of 2 pet pixels and 3 of 3, as below for binary.
    for trimap, mask in (([1, 1, 2, 2], [1, 0, 0, 0]), ([1, 1, 1, 2], [1, 1, 1, 0])):
        annotated, protocols = np.array([trimap], np.uint8), np.ones((1, 4), np.uint8)
        scores.add(annotated, "cat", protocols, annotated, users_mask=np.array([mask], np.uint8))
    report = scores.report()
    assert report["outline"] == {"dataset_iou": pytest.approx(4 / 5), "mean_image_iou": pytest.approx(3 / 4)}
    # All four pixels of both: (2 + 3) / 8.
    assert report["binary"]["dataset_iou"] == pytest.approx(5 / 8)


def test_a_photo_of_a_cat_and_a_dog_is_scored_by_the_species_of_each_pixel():
    # Annotated: cat, cat, dog, not annotated, border, background. Called cat, dog, dog, cat, cat, nothing.
    annotated = np.array([[1, 1, 1, 1, 3, 2]], np.uint8)
    species = np.array([[1, 1, 2, 255, 0, 0]], np.uint8)
    scores = PetScores()
    scores.add(annotated, "cat", np.array([[1, 2, 2, 1, 1, 0]], np.uint8), annotated, species_map=species)
    # Cat: 2 annotated, 1 called of those that count, 1 in both: 1 / 2. Dog: 1, 2, 1: 1 / 2. Background: 1 / 1.
    assert scores.report()["species"]["per_class"] == {"background": 1, "cat": 1 / 2, "dog": 1 / 2}


def test_trimap_scores_pet_background_and_border(report):
    # Pet: 2 annotated, 3 predicted, 2 in both: 2 / 3. Background: 12, 11, 11: 11 / 12. Border: 2, 2, 1: 1 / 3.
    assert report["trimap"]["per_class"] == {
        "pet": pytest.approx(2 / 3),
        "background": pytest.approx(11 / 12),
        "border": pytest.approx(1 / 3),
    }
    assert report["trimap"]["mean_iou"] == pytest.approx((8 + 11 + 4) / 12 / 3)


def test_species_ignores_the_border(report):
    # Of the 14 pixels that count, background: 12 annotated, 11 predicted, 11 in both: 11 / 12.
    # Cat: 2 annotated, 2 predicted, 1 in both: 1 / 3. Dog: none annotated, 1 predicted: 0.
    assert report["species"]["per_class"] == {
        "background": pytest.approx(11 / 12),
        "cat": pytest.approx(1 / 3),
        "dog": 0.0,
    }
    assert report["species"]["mean_iou"] == pytest.approx((11 + 4 + 0) / 12 / 3)


def test_a_species_that_is_nowhere_is_null_and_not_in_the_mean():
    scores = PetScores()
    scores.add(TRIMAP, "cat", np.where(TRIMAP == 2, 0, 1).astype(np.uint8), TRIMAP)
    assert scores.report()["species"] == {"mean_iou": 1.0, "per_class": {"background": 1.0, "cat": 1.0, "dog": None}}


def test_dataset_iou_weighs_pixels_and_image_iou_weighs_photos():
    scores = PetScores()
    # The first photo finds 1 of 2 pet pixels, the second 3 of 3: (1 + 3) / (2 + 3) over all, (1 / 2 + 1) / 2 by photo.
    for trimap, mask in (([1, 1, 2, 2], [1, 0, 0, 0]), ([1, 1, 1, 2], [1, 1, 1, 0])):
        annotated = np.array([trimap], np.uint8)
        scores.add(annotated, "cat", np.array([mask], np.uint8), annotated)
    report = scores.report()
    assert report["images"] == 2
    assert report["binary"] == {"dataset_iou": pytest.approx(4 / 5), "mean_image_iou": pytest.approx(3 / 4)}


def test_weights_count_a_photo_so_often():
    scores = PetScores()
    # The first photo finds 1 of 2 pet pixels, the second 3 of 3; no background is called pet.
    for trimap, mask in (([1, 1, 2, 2], [1, 0, 0, 0]), ([1, 1, 1, 2], [1, 1, 1, 0])):
        annotated = np.array([trimap], np.uint8)
        scores.add(annotated, "cat", np.array([mask], np.uint8), annotated)
    drawn = scores.headlines(np.array([[1, 1], [2, 0], [0, 2], [3, 1]]))
    # Dataset IoU: 4 / 5; 2 / 4; 6 / 6; 3 times the first and the second: (3 + 3) / (6 + 3).
    np.testing.assert_allclose(drawn["binary.dataset_iou"], [4 / 5, 1 / 2, 1, 2 / 3])
    # Mean image IoU of 1/2 and 1: 3 / 4; 1 / 2; 1; (3 / 2 + 1) / 4.
    np.testing.assert_allclose(drawn["binary.mean_image_iou"], [3 / 4, 1 / 2, 1, 5 / 8])
    # 3 and 4 of 4 pixels are right.
    np.testing.assert_allclose(drawn["pixel_accuracy"], [7 / 8, 3 / 4, 1, 13 / 16])
    assert drawn.keys() == set(HEADLINES)


def test_what_is_not_annotated_does_not_count():
    scores = PetScores()
    # The same as in the example of 4 x 4 above, with a fifth row that nobody annotated, all called dog and border.
    rows = np.zeros((1, 4), np.uint8)
    scores.add(np.vstack([TRIMAP, rows]), "cat", np.vstack([MASK, rows + 2]), np.vstack([TRIMAP_PREDICTION, rows + 3]))
    alone = PetScores()
    alone.add(TRIMAP, "cat", MASK, TRIMAP_PREDICTION)
    assert scores.report() == alone.report()
    assert scores.photos[0].called == "cat"


@pytest.mark.parametrize(("mask", "called"), [([1, 1, 2, 0], "cat"), ([2, 2, 1, 0], "dog"), ([0, 0, 0, 0], "nothing")])
def test_a_photo_is_called_by_the_species_that_most_of_the_mask_has(mask, called):
    scores = PetScores()
    annotated = np.array([[1, 1, 2, 2]], np.uint8)
    scores.add(annotated, "cat", np.array([mask], np.uint8), annotated)
    assert scores.photos[0].called == called


def test_a_photo_without_a_pet_rightly_left_empty_counts_as_full():
    scores = PetScores()
    scores.add(np.full((4, 4), 2, np.uint8), "cat", np.zeros((4, 4), np.uint8), np.full((4, 4), 2, np.uint8))
    assert scores.image_ious.tolist() == [1.0]
    assert scores.boundary_ious.tolist() == [1.0]


def test_the_band_follows_the_edge_of_the_picture_too():
    # All of 5 x 5 pixels: the band is one pixel wide, and 3 x 3 are inside it.
    expected = np.ones((5, 5), bool)
    expected[1:4, 1:4] = False
    np.testing.assert_array_equal(band(np.ones((5, 5), bool)), expected)


def test_the_band_is_as_wide_as_its_share_of_the_diagonal():
    # The diagonal of 30 x 40 is 50; a share of 0.04 is 2 pixels, so 26 x 36 are inside the band.
    assert np.count_nonzero(band(np.ones((30, 40), bool), ratio=0.04)) == 30 * 40 - 26 * 36


def test_boundary_iou_compares_the_bands_only():
    # Two blocks of 4 x 4, one column apart. Each ring has 12 pixels; the rings share 3 in the top row and 3 in the
    # bottom row: 6 / (12 + 12 - 6).
    target = block(10, slice(3, 7), slice(3, 7))
    prediction = block(10, slice(3, 7), slice(4, 8))
    assert boundary_iou(target, prediction) == pytest.approx(6 / 18)


def test_boundary_iou_of_a_pet_that_is_missed_is_zero(report):
    assert boundary_iou(block(10, slice(3, 7), slice(3, 7)), np.zeros((10, 10), bool)) == 0.0
    # In the 4 x 4 example nothing is inside a band, so it is the IoU of the masks: 4 / 5.
    assert report["boundary_iou"] == pytest.approx(4 / 5)
