"""Which pets a mask holds, and each alone."""

import numpy as np
import pytest

from engine.instances import Instance, cut_out_each, find_instances, instances_of, scores_of
from engine.segmenter import Segmentation

CAT, DOG = 1, 2


def mask_of(*boxes: tuple[int, int, int, int, int], size_hw: tuple[int, int] = (100, 200)) -> np.ndarray:
    """A mask with boxes of (class id, left, top, width, height)."""
    mask = np.zeros(size_hw, np.uint8)
    for class_id, left, top, width, height in boxes:
        mask[top : top + height, left : left + width] = class_id
    return mask


def found(mask: np.ndarray) -> list[tuple[int, ...]]:
    return [(pet.class_id, *pet.box) for pet in find_instances(mask)]


def test_pets_apart_are_told_apart_the_largest_first():
    mask = mask_of((CAT, 10, 10, 30, 20), (DOG, 100, 20, 50, 60))
    assert found(mask) == [(DOG, 100, 20, 50, 60), (CAT, 10, 10, 30, 20)]
    dog, cat = find_instances(mask)
    assert (dog.area, cat.area) == (3000, 600)
    np.testing.assert_array_equal(cat.mask_in(mask.shape), mask == CAT)


def test_a_mask_of_nothing_holds_no_pet():
    assert find_instances(np.zeros((50, 60), np.uint8)) == []


def test_pets_that_touch_by_a_corner_are_one():
    assert found(mask_of((CAT, 10, 10, 30, 30), (CAT, 40, 40, 30, 30))) == [(CAT, 10, 10, 60, 60)]


def test_specks_are_no_pets():
    # 0.2 % of 100 x 200 are 40 pixels: 6 x 6 are less, 7 x 6 are not.
    assert found(mask_of((CAT, 10, 10, 6, 6))) == []
    assert found(mask_of((CAT, 10, 10, 7, 6))) == [(CAT, 10, 10, 7, 6)]
    # 5 % of a pet of 60 x 80 are 240 pixels: 15 x 15 are less, 16 x 15 are not.
    large = (DOG, 100, 10, 60, 80)
    assert found(mask_of(large, (CAT, 10, 10, 15, 15))) == [large]
    assert len(found(mask_of(large, (CAT, 10, 10, 16, 15)))) == 2


def test_a_cat_and_a_dog_that_touch_are_two():
    mask = mask_of((CAT, 10, 10, 40, 30), (DOG, 50, 10, 30, 30))
    assert found(mask) == [(CAT, 10, 10, 40, 30), (DOG, 50, 10, 30, 30)]


def test_finding_pets_leaves_the_mask_alone():
    mask = mask_of((CAT, 10, 10, 40, 30), (DOG, 50, 10, 20, 30))
    before = mask.copy()
    find_instances(mask)
    np.testing.assert_array_equal(mask, before)


@pytest.mark.parametrize(("likely", "pets"), [(0.3, 1), (0.5, 2)])
def test_a_further_region_that_is_mostly_border_is_no_pet(likely, pets):
    mask = mask_of((CAT, 100, 20, 50, 60), (CAT, 10, 10, 30, 20))
    objects = np.full((50, 100), 0.1, np.float32)
    objects[5:15, 5:20] = likely  # the smaller one, at half the mask's size; the largest is a pet however unsure
    assert len(find_instances(mask, objects)) == pets


def test_the_pets_of_a_segmentation_are_those_of_its_mask(segmenter_on):
    image = np.zeros((100, 200, 3), np.uint8)
    image[20:60, 20:60], image[20:80, 100:180] = 255, 255
    pets = instances_of(segmenter_on("fake").predict(image))
    assert [pet.class_id for pet in pets] == [CAT, CAT]
    assert pets[0].left > pets[1].left


def test_a_score_is_what_objects_have_of_all_that_is_not_border(model):
    # A cat on the left with p(background) 0.1, p(cat) 0.5, p(border) 0.4: 0.5 / 0.6. A dog on the right with p(dog) 0.9
    # and p(background) 0.1: 0.9. Between them background.
    probabilities = np.full((4, 20, 40), 1e-6, np.float32)
    probabilities[0] = 1
    probabilities[:, :, :10] = np.array([0.1, 0.5, 1e-6, 0.4])[:, None, None]
    probabilities[:, :, 30:] = np.array([0.1, 1e-6, 0.9, 1e-6])[:, None, None]
    mask = mask_of((CAT, 0, 0, 18, 40), (DOG, 62, 0, 18, 40), size_hw=(40, 80))
    seen = Segmentation(mask, np.log(probabilities), {}, model.spec, np.log(probabilities))
    pets = [Instance(CAT, 0, 0, mask[:, :18]), Instance(DOG, 62, 0, (mask[:, 62:] > 0).astype(np.uint8))]
    assert scores_of(seen, pets) == pytest.approx([5 / 6, 0.9], abs=1e-3)
    assert scores_of(seen, []) == []


def test_each_pet_is_cut_out_alone():
    image = np.full((100, 200, 3), 90, np.uint8)
    mask = mask_of((CAT, 10, 10, 30, 20), (DOG, 100, 20, 50, 60))
    dog, cat = cut_out_each(image, (mask > 0) * np.uint8(255), find_instances(mask))
    # A rim of 200 / 150, at least 2 px, on each side.
    assert dog.shape == (64, 54, 4)
    assert cat.shape == (24, 34, 4)
    assert cat[10, 15].tolist() == [90, 90, 90, 255]
    assert cat[0, 0].tolist() == [0, 0, 0, 0]


def test_of_two_that_touch_neither_shows_the_other():
    image = np.full((100, 200, 3), 90, np.uint8)
    pets = find_instances(mask_of((CAT, 10, 10, 40, 30), (DOG, 50, 10, 30, 30)))
    cat, dog = cut_out_each(image, np.full((100, 200), 255, np.uint8), pets)
    assert (cat[5:30, 2:40, 3] == 255).all()
    assert not cat[3:31, 43:, 3].any()
    assert not dog[3:31, :1, 3].any()


def test_a_speck_within_its_box_is_not_cut_out_with_a_pet():
    mask = mask_of((CAT, 10, 10, 60, 20), (CAT, 10, 10, 20, 60), (CAT, 60, 60, 3, 3))
    (cat,) = cut_out_each(np.full((100, 200, 3), 90, np.uint8), (mask > 0) * np.uint8(255), find_instances(mask))
    assert cat[10, 10, 3] == 255
    assert not cat[40:, 40:, 3].any()


def test_a_pet_at_the_frame_is_cut_out():
    mask = np.ones((40, 60), np.uint8)
    (whole,) = cut_out_each(np.zeros((40, 60, 3), np.uint8), mask * np.uint8(255), find_instances(mask))
    assert whole.shape == (40, 60, 4)
    assert (whole[..., 3] == 255).all()


def test_a_pet_knows_its_box():
    assert Instance(CAT, 3, 4, np.ones((5, 6), np.uint8)).box == (3, 4, 6, 5)
