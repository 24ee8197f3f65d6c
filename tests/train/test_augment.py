"""Picture and annotation move together through every kind of training picture."""

import cv2
import numpy as np
import pytest

from train import augment
from train.augment import KINDS, Augmenter, edges, empty_rectangle, jitter_scale, paste, photometric

SIZE = 128
# A colour for each class id, so that a picture tells its own mask: background, cat, dog, border.
COLORS = np.array([[10, 200, 10], [240, 20, 20], [20, 20, 240], [250, 250, 250]], np.uint8)


def painted(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """An image that shows each class id in its colour, and the mask."""
    return COLORS[mask], mask


def framed(species: int, size: int = 160) -> tuple[np.ndarray, np.ndarray]:
    """A square pet of a species (1 = cat, 2 = dog) with a border of 10 px; right and below it is room for a ground."""
    mask = np.zeros((size, size), np.uint8)
    mask[10:94, 10:94] = 3
    mask[20:84, 20:84] = species
    return painted(mask)


CAT, DOG = framed(1), framed(2)
EMPTY = painted(np.zeros((160, 160), np.uint8))


def always(kind: str, photo: tuple = DOG) -> Augmenter:
    """Draws one kind of picture, the other photos all alike."""
    return Augmenter(lambda rng: photo, SIZE, {kind: 1.0})


def rngs(count: int) -> list[np.random.Generator]:
    return [np.random.default_rng(seed) for seed in range(count)]


def away_from_edges(mask: np.ndarray) -> np.ndarray:
    """Pixels whose neighbours have the same label: bool (H, W). Elsewhere colours are smoothed into each other.

    The neighbours of a pixel at the frame's own edge are not known.
    """
    around = np.ones((5, 5), np.uint8)
    is_inside = cv2.erode(mask, around) == cv2.dilate(mask, around)
    return is_inside & (np.pad(np.ones((SIZE - 6, SIZE - 6)), 3) > 0)


@pytest.mark.parametrize("kind", KINDS)
def test_picture_and_mask_move_together(kind):
    for rng in rngs(20):
        image, mask = always(kind).compose(CAT, rng)
        distance = np.abs(image[:, :, None].astype(int) - COLORS).sum(axis=-1)
        # The border of a pasted pet is half of what lies below, and looks like no class.
        is_clear = away_from_edges(mask) & (distance.min(axis=-1) < 20)
        assert is_clear.mean() > 0.2
        np.testing.assert_array_equal(distance.argmin(axis=-1)[is_clear], mask[is_clear])


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_picture_is_square_and_labelled(kind):
    for rng in rngs(10):
        image, mask = always(kind)(CAT, rng)
        assert (image.dtype, image.shape) == (np.uint8, (SIZE, SIZE, 3))
        assert (mask.dtype, mask.shape) == (np.uint8, (SIZE, SIZE))
        assert image.flags.c_contiguous
        assert mask.flags.c_contiguous
        assert set(np.unique(mask)) <= {0, 1, 2, 3}


def test_equal_generators_draw_equal_pictures():
    augmenter = Augmenter(lambda rng: (CAT, DOG)[rng.integers(2)], SIZE)
    drawn = [augmenter(CAT, np.random.default_rng(seed)) for seed in (3, 3, 4)]
    np.testing.assert_array_equal(drawn[0][0], drawn[1][0])
    np.testing.assert_array_equal(drawn[0][1], drawn[1][1])
    assert not np.array_equal(drawn[0][0], drawn[2][0])


def test_the_photos_are_left_as_they_were():
    photo, other = (tuple(part.copy() for part in each) for each in (CAT, DOG))
    for kind in KINDS:
        for rng in rngs(5):
            always(kind, other)(photo, rng)
    for part, before in zip((*photo, *other), (*CAT, *DOG), strict=True):
        np.testing.assert_array_equal(part, before)


def test_half_of_the_pictures_are_mirrored_with_their_masks():
    mirrored = []
    for seed in range(20):
        _, plain = always("single").compose(CAT, np.random.default_rng(seed))
        _, mask = always("single")(CAT, np.random.default_rng(seed))
        mirrored.append(np.array_equal(mask, plain[:, ::-1]) and not np.array_equal(mask, plain))
        assert mirrored[-1] or np.array_equal(mask, plain)
    assert 5 <= sum(mirrored) <= 15


def test_the_kinds_are_drawn_with_their_probabilities(monkeypatch):
    assert sum(KINDS.values()) == pytest.approx(1)
    # Ground alone has no pet; of 200 pictures a twentieth is 10, and 24 is 4.5 standard deviations more.
    augmenter = Augmenter(lambda rng: EMPTY, SIZE, {"single": 0.95, "ground": 0.05})
    full = painted(np.ones((160, 160), np.uint8))
    without = sum(not augmenter.compose(full, rng)[1].any() for rng in rngs(200))
    assert 1 <= without <= 24


def test_a_single_photo_holds_no_other():
    for rng in rngs(10):
        assert 2 not in always("single", DOG).compose(CAT, rng)[1]


def test_the_border_survives_a_change_of_size():
    # Zoomed out, all of the pet is in the frame.
    for rng in rngs(20):
        _, mask = jitter_scale(*CAT, (SIZE, SIZE), rng, (0.4, 0.8))
        assert set(np.unique(mask)) == {0, 1, 3}


def test_the_room_that_zooming_out_leaves_is_filled_with_the_photo_mirrored():
    # The photo is a cat's coat from edge to edge, so its mirror is as well; nothing is left empty.
    for rng in rngs(10):
        image, mask = jitter_scale(*painted(np.ones((160, 160), np.uint8)), (SIZE, SIZE), rng, (0.4, 0.5))
        assert (mask == 1).all()
        assert (image == COLORS[1]).all()


def test_the_room_may_be_plain_instead_and_is_background():
    # Zoomed out to half at most, with a stretch of e^0.2 = 1.23 at most: less than 0.5^2 of the frame is the cat.
    for rng in rngs(10):
        cat = painted(np.ones((160, 160), np.uint8))
        image, mask = jitter_scale(*cat, (SIZE, SIZE), rng, (0.4, 0.5), color=COLORS[0])
        assert 0.1 < (mask == 1).mean() <= 0.26
        np.testing.assert_array_equal(image, COLORS[mask])


def test_some_single_photos_lie_on_a_plain_colour():
    full = painted(np.ones((160, 160), np.uint8))
    # Half of the scales are below 1; where a photo does not fill its frame, one in five is plain: about 20 of 200.
    plain = sum((always("single", full).compose(full, rng)[1] == 0).any() for rng in rngs(200))
    assert 8 <= plain <= 40


def test_a_scaled_photo_may_have_any_shape():
    image, mask = jitter_scale(*CAT, (48, 100), np.random.default_rng(0))
    assert (image.shape, mask.shape) == ((48, 100, 3), (48, 100))


def test_a_collage_begins_with_the_photo_and_goes_on_with_others():
    cat, dog = (painted(np.full((160, 160), species, np.uint8)) for species in (1, 2))
    for rng in rngs(20):
        _, mask = always("collage", dog).compose(cat, rng)
        assert mask[0, 0] == 1
        assert mask[-1, -1] == 2
        assert set(np.unique(mask)) == {1, 2}
        # Two to four tiles, whose edges lie between 35 % and 65 % of the side: 44 to 83 of 128 px.
        rows, columns = ((mask == 1).any(axis=axis).sum() for axis in (1, 0))
        assert {rows, columns} <= {*range(44, 84), SIZE}
        assert (mask == 1).sum() == rows * columns < SIZE**2


def test_tiles_end_near_the_middle_and_at_the_end():
    rng = np.random.default_rng(0)
    assert edges(1, 100, rng) == [100]
    for _ in range(20):
        middle, end = edges(2, 100, rng)
        assert 35 <= middle <= 65
        assert end == 100


@pytest.fixture
def ground() -> tuple[np.ndarray, np.ndarray]:
    """An empty frame to paste on, its own to change."""
    return painted(np.zeros((SIZE, SIZE), np.uint8))


def test_a_pasted_pet_carries_its_labels_and_its_border(ground):
    for rng in rngs(20):
        image, mask = (part.copy() for part in ground)
        paste(image, mask, *DOG, rng)
        assert set(np.unique(mask)) == {0, 2, 3}
        inside = away_from_edges(mask)
        assert (image[inside & (mask == 2)] == COLORS[2]).all()
        # More than the blur's reach away from the pet, the ground is untouched.
        far = cv2.dilate((mask > 0).astype(np.uint8), np.ones((9, 9), np.uint8)) == 0
        assert far.any()
        assert (image[far] == COLORS[0]).all()


def test_a_pasted_pet_is_mirrored_with_its_labels(ground):
    # Its left half is a cat, its right half a dog, so that its colours tell which way round it is.
    halves = painted(np.repeat(np.uint8([[1] * 40 + [2] * 40]), 80, axis=0))
    cat_is_left = []
    for rng in rngs(20):
        image, mask = (part.copy() for part in ground)
        paste(image, mask, *halves, rng)
        inside = away_from_edges(mask) & (mask > 0)
        np.testing.assert_array_equal(image[inside], COLORS[mask[inside]])
        cat_is_left.append(np.nonzero(mask == 1)[1].mean() < np.nonzero(mask == 2)[1].mean())
    assert set(cat_is_left) == {True, False}


def test_a_pasted_pet_lies_over_what_was_there():
    for rng in rngs(10):
        image, mask = painted(np.ones((SIZE, SIZE), np.uint8))
        paste(image, mask, *DOG, rng)
        assert set(np.unique(mask)) == {1, 2, 3}
        inside = away_from_edges(mask) & (mask == 2)
        assert (image[inside] == COLORS[2]).all()


def test_half_of_either_picture_is_in_the_border_of_a_pasted_pet(ground, monkeypatch):
    monkeypatch.setattr(augment.cv2, "GaussianBlur", lambda opacity, kernel, sigma: opacity)  # softens the border
    image, mask = ground
    paste(image, mask, *DOG, np.random.default_rng(1))
    # The ground is (10, 200, 10) and the donor's border (250, 250, 250): half of each is (130, 225, 130).
    inside = away_from_edges(mask) & (mask == 3)
    assert inside.any()
    assert (image[inside] == (130, 225, 130)).all()


def test_a_pasted_pet_is_of_a_size_that_a_photo_may_show(ground):
    for rng in rngs(40):
        image, mask = (part.copy() for part in ground)
        paste(image, mask, *DOG, rng)
        height, width = ((mask > 0).any(axis=axis).sum() for axis in (1, 0))
        # A side is 15 % to 75 % of 128 px and stretched by 1.16 at most; a third of it may be outside.
        assert min(height, width) >= 19 / 1.17 * 2 / 3 - 2
        assert max(height, width) <= 96 * 1.17 + 1


def test_a_donor_without_a_pet_changes_nothing(ground):
    image, mask = (part.copy() for part in ground)
    paste(image, mask, *EMPTY, np.random.default_rng(0))
    np.testing.assert_array_equal(image, ground[0])
    np.testing.assert_array_equal(mask, ground[1])


def test_a_scene_holds_the_photos_own_pet():
    for rng in rngs(20):
        assert 1 in always("paste", EMPTY).compose(CAT, rng)[1]


@pytest.mark.parametrize(
    ("pet", "expected"),
    [
        (np.s_[0:0, 0:0], (0, 64, 0, 64)),  # none: all of it
        (np.s_[:, :32], (0, 64, 32, 64)),  # the right half
        (np.s_[:44, :], (44, 64, 0, 64)),  # 20 of 64 rows are 10 of 32 cells, just enough
        (np.s_[:45, :], None),  # row 44 is half of the tenth cell
        (np.s_[:, :], None),
        (np.s_[20:44, 20:44], (0, 20, 0, 64)),  # a pet in the middle: the first of four sides of equal area
        (np.s_[63:, 63:], (0, 62, 0, 64)),  # one pixel fills a cell of 2 x 2
    ],
)
def test_the_largest_rectangle_without_a_pet_is_found(pet, expected):
    mask = np.zeros((64, 64), np.uint8)
    mask[pet] = 1
    assert empty_rectangle(mask) == expected


@pytest.mark.parametrize("size_hw", [(320, 320), (100, 75), (33, 470)])
def test_a_rectangle_without_a_pet_holds_none_not_even_its_border(size_hw):
    found = 0
    for rng in rngs(30):
        mask = np.zeros(size_hw, np.uint8)
        top, left = (int(rng.uniform(0, 0.6) * side) for side in size_hw)
        mask[top : top + size_hw[0] // 3, left : left + size_hw[1] // 3] = rng.integers(1, 4)
        if rectangle := empty_rectangle(mask):
            top, bottom, left, right = rectangle
            assert mask[top:bottom, left:right].size > 0.08 * mask.size  # each side 0.3 at least
            assert not mask[top:bottom, left:right].any()
            found += 1
    assert found > 10


def test_a_ground_shows_no_pet():
    for rng in rngs(20):
        # The pet is in a corner, so that there is room beside it.
        photo = painted(np.pad(np.full((60, 60), 2, np.uint8), ((0, 100), (0, 100))))
        image, mask = always("ground", photo).compose(CAT, rng)
        assert not mask.any()
        assert (image == COLORS[0]).all()


def test_where_pets_leave_no_room_the_ground_is_one_colour():
    full = painted(np.full((160, 160), 2, np.uint8))
    colors = set()
    for rng in rngs(5):
        image, mask = always("ground", full).compose(full, rng)
        assert not mask.any()
        assert (image == image[0, 0]).all()
        colors.add(tuple(image[0, 0].tolist()))
    assert len(colors) == 5


def test_colours_change_but_not_size_and_not_the_photo():
    before = CAT[0].copy()
    changed = [photometric(CAT[0], rng) for rng in rngs(40)]
    assert all((image.dtype, image.shape) == (np.uint8, CAT[0].shape) for image in changed)
    np.testing.assert_array_equal(CAT[0], before)
    # 0.3 of them keep their brightness, and of those 0.95 * 0.85 * 0.85 * 0.9 = 0.62 are left alone: 7 of 40.
    untouched = sum(np.array_equal(image, before) for image in changed)
    assert 1 <= untouched <= 18
    grey = sum(np.ptp(image.astype(int), axis=2).max() == 0 for image in changed)
    assert grey <= 10
