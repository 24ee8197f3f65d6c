"""Disturbed photos are what they say, take their annotation along, and are the same every time."""

from functools import partial

import numpy as np
import pytest
from PIL import Image

from engine.backends.fake import FakeBackend
from engine.dataset import BACKGROUND, UNKNOWN, read_split
from engine.disturbances import DISTURBANCES, exposed, noisy, rotated, shrunk
from engine.progress import listening
from engine.robustness import STEPS, measure_robustness, moved_species
from engine.segmenter import Segmenter

RNG = partial(np.random.default_rng, 0)


@pytest.fixture
def annotated(drawn_pet) -> tuple[np.ndarray, np.ndarray]:
    return drawn_pet(3, (60, 90))


@pytest.mark.parametrize("disturbance", DISTURBANCES, ids=lambda each: f"{each.kind} {each.strength}")
def test_a_disturbance_changes_the_photo_and_is_the_same_every_time(drawn_pet, disturbance):
    image, trimap = drawn_pet(3, (240, 360))
    before = image.copy(), trimap.copy()
    first, again = (disturbance.apply(image, trimap, "tom") for _ in range(2))
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == np.uint8
        assert one.shape[:2] == first[1].shape
    assert first[0].shape != image.shape or (first[0] != image).any()
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(trimap, before[1])


def test_kinds_and_strengths_are_told_apart():
    assert len({(each.kind, each.strength) for each in DISTURBANCES}) == len(DISTURBANCES)
    assert {each.kind for each in DISTURBANCES} >= {"JPEG", "blur", "noise", "darker", "brighter", "rotated"}


def test_light_is_multiplied_and_cut_off_at_white():
    image = np.full((1, 1, 3), (10, 100, 200), np.uint8)
    trimap = np.ones((1, 1), np.uint8)
    assert exposed(image, trimap, RNG(), factor=0.5)[0].tolist() == [[[5, 50, 100]]]
    assert exposed(image, trimap, RNG(), factor=2.0)[0].tolist() == [[[20, 200, 255]]]


def test_noise_is_as_strong_as_it_says():
    grey = np.full((100, 100, 3), 128, np.uint8)
    disturbed, _ = noisy(grey, grey[:, :, 0], RNG(), deviation=20)
    # 30,000 values: the deviation is known to 20 / sqrt(60000) = 0.08.
    assert disturbed.astype(float).std() == pytest.approx(20, abs=0.4)
    assert disturbed.mean() == pytest.approx(128, abs=0.5)


def test_a_quarter_turn_moves_photo_and_annotation_alike(annotated):
    image, trimap = annotated
    turned, turned_trimap = rotated(image, trimap, RNG(), degrees=90)
    np.testing.assert_array_equal(turned, np.rot90(image))
    np.testing.assert_array_equal(turned_trimap, np.rot90(trimap))


def test_a_turned_photo_keeps_all_of_the_pet_and_its_corners_do_not_count(annotated):
    image, trimap = annotated
    turned, turned_trimap = rotated(image, trimap, RNG(), degrees=30)
    # 60 x 90 px turned by 30 degrees fill 60 cos + 90 sin = 97 by 60 sin + 90 cos = 108 px.
    assert turned.shape == (97, 108, 3)
    assert turned_trimap[0, 0] == turned_trimap[-1, -1] == UNKNOWN
    counted = np.bincount(turned_trimap.ravel(), minlength=4)
    np.testing.assert_allclose(counted[1:], np.bincount(trimap.ravel(), minlength=4)[1:], rtol=0.03)
    # The drawn pet is bright and its ground dark, wherever they are turned to.
    assert turned[turned_trimap == 1].mean() > turned[turned_trimap == BACKGROUND].mean() + 40


def test_one_small_pet_lies_on_a_plain_ground(annotated):
    image, trimap = annotated
    small, small_trimap = shrunk(image, trimap, RNG(), share=0.5, alone=True)
    assert small.shape == image.shape
    assert np.count_nonzero(small_trimap == 1) == pytest.approx(np.count_nonzero(trimap == 1) / 4, rel=0.05)
    is_pet = small_trimap == 1
    assert small[is_pet].mean() > small[small_trimap == BACKGROUND].mean() + 40
    _, counts = np.unique(small.reshape(-1, 3), axis=0, return_counts=True)
    assert counts.max() >= 60 * 90 * 3 / 4


def test_several_small_pets_are_annotated_all_over(annotated):
    image, trimap = annotated
    small, small_trimap = shrunk(image, trimap, RNG(), share=0.25, alone=False)
    assert small.shape == image.shape
    share = np.mean(small_trimap == 1)
    assert share == pytest.approx(np.mean(trimap == 1), abs=0.05)
    assert small[small_trimap == 1].mean() > small[small_trimap == BACKGROUND].mean() + 40


def test_robustness_tells_what_is_lost_and_what_the_second_changes(drawn_dataset, model):
    pets = read_split(drawn_dataset, "test")
    # The second fake calls everything a cat by 2 more: more of the dark border is pet.
    segmenters = {"first": Segmenter(model.spec, FakeBackend()), "second": Segmenter(model.spec, FakeBackend(offset=2))}
    steps = []
    with listening(steps.append):
        result = measure_robustness(segmenters, pets)
    assert steps[-1].done == steps[-1].total == STEPS * len(pets)
    assert result["images"] == 4
    rows = {(row["kind"], row["strength"]): row for row in result["disturbances"]}
    assert len(rows) == len(DISTURBANCES)
    plain, dark = result["undisturbed"], rows["darker", "x 0.25"]
    # A quarter of the brightness is under 128 for every pixel, so the first fake finds nothing at all.
    assert dark["scores"]["first"]["binary.dataset_iou"] == 0
    lost = plain["scores"]["first"]["binary.dataset_iou"]
    assert dark["drop"]["first"]["binary.dataset_iou"] == pytest.approx(lost)
    for row in (plain, *rows.values()):
        scores = {name: row["scores"][name]["binary.dataset_iou"] for name in segmenters}
        change = row["difference"]["binary.dataset_iou"]
        assert change["difference"] == pytest.approx(scores["second"] - scores["first"])
        low, high = change["ci95"]
        assert low <= change["difference"] <= high or low == pytest.approx(high)


def test_the_species_of_pixels_move_with_the_photo(drawn_pet):
    image, trimap = drawn_pet(3, (60, 90))
    species = np.where(trimap == BACKGROUND, 0, 1).astype(np.uint8)
    species[:, 45:][species[:, 45:] > 0] = 2
    species[0] = 255
    for disturbance in DISTURBANCES:
        moved = moved_species(disturbance, image, species, "tom")
        _, moved_trimap = disturbance.apply(image, trimap, "tom")
        assert moved.dtype == np.uint8
        assert moved.shape == moved_trimap.shape
        assert set(np.unique(moved)) <= {0, 1, 2, 255}
        both = (moved != 255) & (moved_trimap != UNKNOWN)
        np.testing.assert_array_equal((moved > 0)[both], (moved_trimap != BACKGROUND)[both])


def test_where_no_species_are_told_there_are_none_to_move(drawn_pet):
    assert moved_species(DISTURBANCES[0], drawn_pet()[0], None, "tom") is None


def test_a_photo_of_a_cat_and_a_dog_can_be_disturbed(drawn_dataset, model):
    (sample, *_) = read_split(drawn_dataset, "test")
    folder = drawn_dataset / "species"
    folder.mkdir()
    species = np.where(sample.read_trimap() == BACKGROUND, 0, 1).astype(np.uint8)
    Image.fromarray(species).save(folder / f"{sample.name}.png")
    segmenters = {"first": Segmenter(model.spec, FakeBackend()), "second": Segmenter(model.spec, FakeBackend())}
    result = measure_robustness(segmenters, [sample])
    turned = [row for row in result["disturbances"] if row["kind"] == "rotated"]
    assert all(row["scores"]["first"]["species.mean_iou"] > 0.8 for row in turned)
