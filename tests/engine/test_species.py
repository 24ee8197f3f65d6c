"""One animal, one species; what is object and what is not stays."""

import numpy as np
import pytest

from engine.postprocess import mask_from_logits, object_log_odds, softmax
from engine.species import is_sure, owners, settle, settle_probabilities

CAT, DOG = 1, 2


def scene(*parts: tuple[slice, slice, tuple[float, float]], size_hw: tuple[int, int] = (40, 60)) -> np.ndarray:
    """Logits float32 (4, h, w) of background with parts of (rows, columns, (p(cat), p(dog))), the rest background's."""
    probabilities = np.zeros((4, *size_hw), np.float32)
    probabilities[:] = np.array([0.97, 0.01, 0.01, 0.01])[:, None, None]
    for rows, columns, (cat, dog) in parts:
        rest = 1 - cat - dog
        probabilities[:, rows, columns] = np.array([rest * 0.9, cat, dog, rest * 0.1])[:, None, None]
    return np.log(probabilities)


def called(logits: np.ndarray) -> list[int]:
    """The objects of the mask at twice the size."""
    height, width = logits.shape[1:]
    return np.unique(mask_from_logits(logits, (2 * height, 2 * width), 2)).tolist()


TORN = scene((slice(10, 30), slice(10, 30), (0.6, 0.3)), (slice(10, 30), slice(30, 45), (0.1, 0.8)))
TOUCHING = scene((slice(10, 30), slice(10, 30), (0.94, 0.02)), (slice(10, 30), slice(30, 45), (0.02, 0.94)))


def test_a_pet_that_is_torn_is_what_its_evidence_adds_up_to():
    # 400 pixels of 0.6 and 0.3, 300 of 0.1 and 0.8: the cat has 240 + 30, the dog 120 + 240.
    assert called(TORN) == [0, CAT, DOG]
    assert called(settle(TORN, 2)) == [0, DOG]


def test_what_is_object_and_what_is_border_stays_as_it_was():
    settled = settle(TORN, 2)
    np.testing.assert_allclose(object_log_odds(settled[:3]), object_log_odds(TORN[:3]), atol=1e-4)
    before, after = softmax(TORN), softmax(settled)
    np.testing.assert_allclose(after[[0, 3]], before[[0, 3]], atol=1e-6)
    np.testing.assert_allclose(after[1:3].sum(axis=0), before[1:3].sum(axis=0), atol=1e-6)
    np.testing.assert_array_equal(mask_from_logits(settled, (80, 120), 2) > 0, mask_from_logits(TORN, (80, 120), 2) > 0)


def test_a_cat_that_touches_a_dog_stays_one():
    # 0.94 of 0.96 each, over nine tenths of what the objects have, and the dog is 300 of 700 pixels.
    settled = settle(TOUCHING, 2)
    assert called(settled) == [0, CAT, DOG]
    np.testing.assert_array_equal(mask_from_logits(settled, (40, 60), 2), mask_from_logits(TOUCHING, (40, 60), 2))


@pytest.mark.parametrize(("columns", "objects"), [(3, [0, CAT]), (4, [0, CAT, DOG])])
def test_a_small_piece_is_no_animal_however_sure(columns, objects):
    # 15 % of the region: 60 of 460 pixels are 13 %, 80 of 480 are 17 %.
    logits = scene((slice(10, 30), slice(10, 30), (0.94, 0.02)), (slice(10, 30), slice(30, 30 + columns), (0.02, 0.94)))
    assert called(settle(logits, 2)) == objects


def test_a_large_piece_that_is_not_sure_is_no_animal():
    # 0.8 of 0.96 is less than nine tenths.
    logits = scene((slice(10, 30), slice(10, 30), (0.94, 0.02)), (slice(10, 30), slice(30, 45), (0.16, 0.8)))
    assert called(settle(logits, 2)) == [0, CAT]


def test_pets_apart_have_each_its_own_species():
    logits = scene(
        (slice(5, 15), slice(5, 15), (0.6, 0.3)),
        (slice(5, 15), slice(12, 15), (0.3, 0.5)),  # a patch on the cat
        (slice(25, 35), slice(40, 55), (0.2, 0.7)),
    )
    mask = mask_from_logits(settle(logits, 2), (40, 60), 2)
    assert np.unique(mask[:20]).tolist() == [0, CAT]
    assert np.unique(mask[20:]).tolist() == [0, DOG]


def test_ground_belongs_to_the_pet_that_is_nearest():
    logits = scene((slice(5, 15), slice(5, 15), (0.9, 0.05)), (slice(5, 15), slice(45, 55), (0.05, 0.9)))
    probabilities = softmax(logits)
    owner = owners(probabilities[1:3], probabilities[1:3].sum(axis=0) > probabilities[0])
    assert owner[10, 20] == CAT
    assert owner[10, 40] == DOG
    assert set(np.unique(owner)) == {CAT, DOG}


def test_no_speck_of_the_other_species_is_left_at_the_edge():
    # A dog whose rim is object by cat and dog together, 0.26 and 0.24 to 0.45, though the background leads there.
    logits = scene((slice(10, 30), slice(10, 30), (0.1, 0.85)))
    rim = np.log(np.array([0.45, 0.26, 0.24, 0.05], np.float32))
    logits[:, 8:10, 10:30] = rim[:, None, None]
    assert called(logits) == [0, CAT, DOG]
    assert called(settle(logits, 2)) == [0, DOG]


def test_what_needs_no_settling_is_given_back_as_it_is():
    alone = scene((slice(10, 30), slice(10, 30), (0.8, 0.1)))
    assert settle(alone, 2) is alone
    assert settle(TORN[:2], 1) is not None
    one_object = np.ascontiguousarray(TORN[[0, 1, 3]])
    assert settle(one_object, 1) is one_object
    probabilities = softmax(alone)
    assert settle_probabilities(probabilities, 2) is probabilities


def test_a_picture_without_a_pet_is_given_back_as_it_is():
    # Cat leads here and dog there, both far below the background, or nearly as likely as it.
    for background in (0.97, 0.55):
        logits = np.log(np.full((4, 8, 8), (1 - background) / 3, np.float32))
        logits[0] = np.log(background)
        logits[2, :, 4:] += 0.2
        assert settle(logits, 2) is logits


def test_probabilities_are_settled_as_logits_are():
    for logits in (TORN, TOUCHING):
        np.testing.assert_allclose(settle_probabilities(softmax(logits), 2), softmax(settle(logits, 2)), atol=1e-6)


def test_settling_changes_nothing_in_place():
    before = TORN.copy()
    settle(TORN, 2)
    settle_probabilities(softmax(TORN), 2)
    np.testing.assert_array_equal(TORN, before)


@pytest.mark.parametrize(("cat", "sure"), [(0.91, True), (0.89, False)])
def test_sure_is_nine_tenths_of_what_the_objects_have(cat, sure):
    objects = np.array([[[cat * 0.5]], [[(1 - cat) * 0.5]]], np.float32)
    assert is_sure(objects, CAT, np.ones((1, 1), bool)) == sure


def test_nothing_is_sure_of_no_pixel():
    assert not is_sure(np.ones((2, 1, 1), np.float32), CAT, np.zeros((1, 1), bool))
