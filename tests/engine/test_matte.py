"""Opacity out of probabilities and the picture, by hand where one can."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from engine import matte
from engine.errors import InputError
from engine.matte import (
    follow_picture,
    held,
    object_share,
    opacity,
    pull_of_color,
    soft_step,
    take_sides,
    tiles,
    within,
)
from engine.postprocess import mask_from_logits, mask_from_probabilities, resize_planes, softmax


def plain(*values: float, size_hw: tuple[int, int] = (16, 16)) -> np.ndarray:
    """Probabilities that are the same at every pixel: float32 (num_classes, h, w)."""
    return np.ascontiguousarray(np.broadcast_to(np.array(values, np.float32)[:, None, None], (len(values), *size_hw)))


def halves(size_hw: tuple[int, int] = (32, 32), band: int = 4) -> np.ndarray:
    """Cat on the left, background on the right, a band of border between them, `band` px to either side."""
    probabilities = plain(1, 0, 0, 0, size_hw=size_hw)
    middle = size_hw[1] // 2
    probabilities[0, :, :middle], probabilities[1, :, :middle] = 0, 1
    probabilities[:, :, middle - band : middle + band] = np.array([0, 0, 0, 1], np.float32)[:, None, None]
    return probabilities


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ((0.1, 0.2, 0.1, 0.6), 0.3 / 0.4),
        ((0, 0, 0, 1), 0.5),  # nothing but border as far as one sees: half of each
        ((1, 0, 0, 0), 0),
        ((0, 0.5, 0.5, 0), 1),  # whatever the animal
    ],
)
def test_the_share_of_the_object_leaves_the_border_out(probabilities, expected):
    np.testing.assert_allclose(object_share(plain(*probabilities), 2), expected, atol=2e-3)


def test_border_alone_takes_the_share_of_its_surroundings():
    # Twice as many columns of cat as of background within reach of column 20, which is border with its neighbours.
    probabilities = plain(0, 0, 0, 1, size_hw=(40, 40))
    probabilities[1, :, 14:18], probabilities[3, :, 14:18] = 1, 0
    probabilities[0, :, 23:25], probabilities[3, :, 23:25] = 1, 0
    # (4 + 0.015) / (6 + 0.03) of the 15 columns 13 to 27.
    np.testing.assert_allclose(object_share(probabilities, 2)[:, 20], 2 / 3, atol=0.01)


def test_a_soft_step_is_straight_between_its_ends():
    # 0.25 and 0.75 of 255 are 63.75 and 191.25; at 127 it is (127 - 63.75) / 127.5 * 255 = 126.5.
    values = np.array([[0, 63, 127, 128, 192, 255]], np.uint8)
    assert soft_step(values, 0.25, 0.75)[0].tolist() == [0, 0, 126, 128, 255, 255]


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ((1e-17, 1, 0, 0), 255),
        ((1, 1e-17, 0, 0), 0),
        ((0, 1, 0, 0), 99),
        ((1e-17, 1e-17, 0, 1), 99),
        ((1e-8, 1, 0, 0), 99),
        ((1, 1e-8, 0, 0), 99),
    ],
)
def test_only_what_a_hand_has_settled_is_held(probabilities, expected):
    assert (held(np.full((8, 9), 99, np.uint8), plain(*probabilities), 2) == expected).all()


@pytest.mark.parametrize("edge", ["fine", "fast"])
@pytest.mark.parametrize(("probabilities", "expected"), [((0.9, 0.1, 0, 0), 0), ((0.05, 0.1, 0.85, 0), 255)])
def test_what_is_sure_is_clear_or_opaque(model, edge, probabilities, expected):
    image = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    alpha = opacity(image, plain(*probabilities), model.spec, edge)
    assert alpha.shape == (60, 80)
    assert alpha.dtype == np.uint8
    assert (alpha == expected).all()


def test_a_fast_edge_runs_through_the_middle_of_the_border(model):
    alpha = opacity(np.zeros((32, 32, 3), np.uint8), halves(band=1), model.spec, "fast")
    assert (alpha[:, :14] == 255).all()
    assert (alpha[:, 18:] == 0).all()
    assert (np.diff(alpha.astype(int), axis=1) <= 0).all()
    np.testing.assert_allclose(alpha[:, 15].astype(int) + alpha[:, 16], 255, atol=2)


def test_a_fine_edge_follows_the_picture_within_the_border(model):
    # The border goes 8 px to either side of column 160; the picture's own edge lies at column 158.
    size_hw = (320, 320)
    image = np.full((*size_hw, 3), 30, np.uint8)
    image[:, :158] = 200
    fine, fast = (opacity(image, halves(size_hw, band=8), model.spec, edge).astype(int) for edge in ("fine", "fast"))
    assert (fast[:, 157] - fast[:, 158] < 90).all()  # the probabilities know nothing of it
    assert (fine[:, 157] - fine[:, 158] > 60).all()
    assert (fine[:, :145] == 255).all()
    assert (fine[:, 175:] == 0).all()


def test_an_edge_where_it_was_expected_is_as_sharp_as_the_picture(model):
    image = np.full((320, 320, 3), 30, np.uint8)
    image[:, :160] = 200
    fine = opacity(image, halves((320, 320), band=8), model.spec)
    assert (fine[:, :160] == 255).all()
    assert (fine[:, 160:] == 0).all()


def test_the_filter_reaches_no_farther_than_the_unknown_band():
    # The radius is 4 px, so a filter reaches 8 to either side; the band a gradient of 1 px, 2 and 2 more.
    # A stripe of the pet's colour 6 px away from the pet is none of it.
    image = np.full((320, 320, 3), 30, np.uint8)
    image[:, :160], image[:, 166:168] = 200, 200
    rough = np.zeros((320, 320), np.uint8)
    rough[:, :160] = 255
    fine = follow_picture(image, rough)
    np.testing.assert_array_equal(fine[:, :154], rough[:, :154])
    np.testing.assert_array_equal(fine[:, 166:], rough[:, 166:])


def beside(edge: float, color: int, ground: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """A pet of 200 up to column 80, plain ground from there; pixel (80, 80) has its own opacity and colour."""
    image, soft = np.full((160, 160, 3), ground, np.uint8), np.zeros((160, 160), np.uint8)
    image[:, :80], soft[:, :80] = 200, 255
    image[80, 80], soft[80, 80] = color, round(255 * edge)
    return image, soft


@pytest.mark.parametrize(
    ("edge", "color", "expected"),
    [
        (0.4, 200, 0.8),  # in the pet's colour, but no more than twice of it
        (0.4, 30, 0),  # in the ground's
        (0.4, 115, 0.5),  # in a mixture, half of each
        (0.7, 30, 0.4),  # in the ground's colour, but no less than 2 * 0.7 - 1
        (0.7, 200, 1),
    ],
)
def test_an_unsure_pixel_takes_the_side_of_its_colour(edge, color, expected):
    assert take_sides(*beside(edge, color))[80, 80] / 255 == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize(("edge", "expected"), [(0.4, 0.3), (0.7, 0.9)])  # 2 * 0.4 - 0.5, 2 * 0.7 - 0.5
def test_where_colours_say_nothing_the_edge_is_twice_as_steep(edge, expected):
    assert take_sides(*beside(edge, 200, ground=200))[80, 80] / 255 == pytest.approx(expected, abs=0.01)


def test_mottled_colours_are_believed_less():
    image, soft = beside(0.4, 30)
    believed = int(pull_of_color(image, soft)[80, 80])
    image[::2, :80], image[1::2, 81:] = 110, 120  # a pet of 110 and 200, a ground of 30 and 120
    assert believed + 10 < pull_of_color(image, soft)[80, 80] < 128


def test_a_hair_stays_and_the_smear_around_it_goes():
    image, soft = beside(0, 30)
    soft[60:101, 80:86] = 102  # a smear of 6 px beside the pet
    image[80, 80:86] = 200  # and a hair through it
    alpha = take_sides(image, soft)
    assert (alpha[80, 80:86] > 140).all()
    assert alpha[62:79, 80:86].max() < 20
    assert alpha[82:99, 80:86].max() < 20


def test_a_smear_that_is_nowhere_opaque_is_cut_off():
    image, soft = beside(0, 30)
    soft[70:90, 120:140] = 110  # beyond reach of the pet: 2 * 0.43 - 0.5 would still be 0.36
    assert not take_sides(image, soft)[:, 80:].any()


def test_what_is_sure_takes_no_side():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (70, 90, 3), dtype=np.uint8)
    soft = rng.choice(np.array([0, 0, 0, 100, 255, 255], np.uint8), (70, 90))
    alpha = take_sides(image, soft)
    sure = soft != 100
    np.testing.assert_array_equal(alpha[sure], soft[sure])
    np.testing.assert_array_equal(take_sides(image, np.where(sure, soft, 0)), np.where(sure, soft, 0))


@pytest.mark.parametrize("size_hw", [(111, 163), (199, 300), (7, 301), (300, 1)])
def test_a_picture_larger_than_the_scale_of_colours_may_have_any_size(monkeypatch, size_hw):
    monkeypatch.setattr(matte, "FULL_SIDE", 64)
    monkeypatch.setattr(matte, "COLOR_SIDE", 24)
    soft = np.full(size_hw, 102, np.uint8)
    soft[: size_hw[0] // 2] = 255
    assert take_sides(np.zeros((*size_hw, 3), np.uint8), soft).shape == size_hw


def test_far_from_an_edge_the_picture_changes_nothing(model):
    image = np.random.default_rng(0).integers(0, 256, (320, 320, 3), dtype=np.uint8)
    alpha = opacity(image, halves((320, 320)), model.spec)
    assert (alpha[:, :140] == 255).all()
    assert (alpha[:, 180:] == 0).all()


def test_a_tag_at_the_collar_is_part_of_the_pet(model):
    probabilities = plain(1, 0, 0, 0, size_hw=(64, 64))
    probabilities[0, 4:60, 4:60], probabilities[1, 4:60, 4:60] = 0.2, 0.8
    image = np.zeros((64, 64, 3), np.uint8)
    without = opacity(image, probabilities, model.spec, "fast")
    probabilities[0, 20:44, 20:44], probabilities[1, 20:44, 20:44], probabilities[3, 20:44, 20:44] = 0, 0, 1
    tagged = opacity(image, probabilities, model.spec, "fast")
    assert (tagged[20:44, 20:44] == 255).all()
    np.testing.assert_array_equal(tagged[:, :8], without[:, :8])  # it changes nothing at the pet's own edge
    # The same hole with background in it is one: between a tail and a back, say.
    probabilities[0, 30:34, 30:34], probabilities[3, 30:34, 30:34] = 1, 0
    assert opacity(image, probabilities, model.spec, "fast")[32, 32] == 0


def test_a_picture_without_a_pet_is_clear(model):
    image = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    assert not opacity(image, plain(0.99, 0.005, 0.005, 0), model.spec).any()


def test_probabilities_of_the_pictures_own_size_give_nearly_the_same(model):
    image = np.zeros((128, 128, 3), np.uint8)
    small = halves(band=1)
    own = np.clip(resize_planes(small, (128, 128)), 0, 1)
    alphas = [opacity(image, each, model.spec, "fast").astype(int) for each in (small, own)]
    np.testing.assert_allclose(alphas[0], alphas[1], atol=64)
    assert (alphas[1][:, :56] == 255).all()
    assert (alphas[1][:, 72:] == 0).all()


def test_a_model_without_a_border_class_has_an_edge_too(model):
    spec = replace(model.spec, classes=model.spec.classes[:2])
    alpha = opacity(np.zeros((32, 32, 3), np.uint8), halves()[:2], spec, "fast")
    assert (alpha[:, :11] == 255).all()
    assert (alpha[:, 21:] == 0).all()


def test_an_unknown_edge_lists_the_known_ones(model):
    with pytest.raises(InputError, match=r"There is no edge 'sharp'\. Known: fast, fine"):
        opacity(np.zeros((16, 16, 3), np.uint8), plain(1, 0, 0, 0), model.spec, "sharp")


def test_tiles_cover_a_picture_once():
    seen = np.zeros((2500, 1100), np.uint8)
    for inner, outer in tiles(seen.shape, 30):
        seen[inner] += 1
        assert seen[outer][within(inner, outer)].shape == seen[inner].shape
        assert np.shares_memory(seen[outer][within(inner, outer)], seen[inner])
    assert (seen == 1).all()


def test_tiles_leave_no_seam(monkeypatch):
    rng = np.random.default_rng(0)
    image = np.repeat(np.repeat(rng.integers(0, 256, (50, 60, 3), dtype=np.uint8), 8, 0), 8, 1)
    rough = np.zeros((400, 480), np.uint8)
    rough[100:300, 130:350] = 255
    whole = follow_picture(image, rough)
    monkeypatch.setattr(matte, "TILE", 128)
    np.testing.assert_allclose(follow_picture(image, rough).astype(int), whole, atol=1)


@pytest.mark.parametrize("size_hw", [(16, 16), (17, 400), (400, 17), (1, 1)])
def test_any_size_is_answered(model, size_hw):
    image = np.zeros((*size_hw, 3), np.uint8)
    assert opacity(image, halves(), model.spec).shape == size_hw


@pytest.mark.parametrize("size_hw", [(40, 50), (9, 30)])
def test_the_mask_of_probabilities_is_that_of_their_logits(size_hw):
    logits = np.random.default_rng(0).normal(0, 2, (4, 20, 20)).astype(np.float32)
    logits[0] += 1
    from_logits = mask_from_logits(logits, size_hw, 2)
    from_probabilities = mask_from_probabilities(softmax(logits), size_hw, 2)
    # Between pixels a leader of probabilities may differ from a leader of logits; what is an object may not.
    np.testing.assert_array_equal(from_probabilities > 0, from_logits > 0)
    assert (from_probabilities == from_logits).mean() > 0.85
    assert set(np.unique(from_probabilities)) == {0, 1, 2}


def test_probabilities_of_exactly_one_and_nothing_give_the_right_class():
    for values in itertools.permutations((1, 0, 0, 0)):
        expected = 1 if values[1] else 2 if values[2] else 0  # all border: as much pet as background, so none
        assert (mask_from_probabilities(plain(*values), (5, 40), 2) == expected).all()
