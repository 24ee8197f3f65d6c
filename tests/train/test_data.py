"""Splits share no picture, the cache is there whole or not at all, an item is the same whenever it is drawn."""

import shutil
from urllib.error import URLError

import numpy as np
import pytest
import torch
from PIL import Image

from engine.dataset import CLASSES, FOLDER, Sample, read_split
from engine.errors import InputError
from train import data
from train.data import (
    SPLITS,
    HashedSample,
    PetCache,
    PetPictures,
    class_mask,
    open_cache,
    read_trainval,
    split,
    stretched,
)

# A colour for each class id, so that a picture tells its own mask.
COLORS = np.array([[10, 200, 10], [240, 20, 20], [20, 20, 240], [250, 250, 250]], np.uint8)


def hashed(row: int, sha256: str) -> HashedSample:
    return HashedSample(row, sha256, sample=None)


@pytest.fixture
def by_hash() -> list[HashedSample]:
    """Of hashes 0x00 to 0x3f, those divisible by 20 are 0, 20, 40 and 60: validation."""
    return [hashed(row, f"{row:08x}{row:056x}") for row in range(64)]


@pytest.fixture
def blocks() -> np.ndarray:
    """uint8 (320, 320, 4): blocks of 40 pixels, each the colour of its class, then its class id."""
    ids = np.random.default_rng(0).integers(0, 4, (8, 8)).repeat(40, axis=0).repeat(40, axis=1)
    return np.dstack([COLORS[ids], ids.astype(np.uint8)])


@pytest.fixture
def pictures(blocks) -> PetPictures:
    cache = PetCache(np.stack([blocks, blocks[::-1]]), [])
    return PetPictures(cache, [hashed(0, "0"), hashed(1, "1")], size=64, seed=0)


def names(samples: list[HashedSample]) -> set[str]:
    return {sample.sha256 for sample in samples}


def test_one_picture_in_twenty_is_for_validation_by_its_hash(by_hash):
    assert [sample.row for sample in split(by_hash, "validation")] == [0, 20, 40, 60]
    assert len(split(by_hash, "training")) == 60
    assert not names(split(by_hash, "validation")) & names(split(by_hash, "training"))


def test_splits_do_not_depend_on_the_order(by_hash):
    for name in ("training", "validation", "calibration"):
        assert names(split(by_hash[::-1], name)) == names(split(by_hash, name))


def test_calibration_is_a_part_of_training(by_hash, monkeypatch):
    monkeypatch.setattr(data, "CALIBRATION_IMAGES", 7)
    calibration = split(by_hash, "calibration")
    assert len(calibration) == 7
    assert names(calibration) < names(split(by_hash, "training"))


def test_the_same_bytes_under_two_names_fall_on_one_side(drawn_dataset):
    folder = drawn_dataset / FOLDER
    listing = folder / "annotations" / "trainval.txt"
    lines = listing.read_text()
    for sample in read_split(drawn_dataset, "trainval"):
        for path in (sample.photo, sample.trimap_path):
            path.with_stem(f"again_{sample.name}").write_bytes(path.read_bytes())
    listing.write_text(lines + "".join(f"again_{line}\n" for line in lines.splitlines()))
    samples = read_trainval(drawn_dataset)
    assert len(samples) == 8
    assert not names(split(samples, "training")) & names(split(samples, "validation"))
    assert [sample.sha256 for sample in samples[:4]] == [sample.sha256 for sample in samples[4:]]


def test_no_two_of_training_validation_and_test_share_a_picture(shared_dataset):
    samples = read_trainval(shared_dataset)
    training, validation, calibration = (names(split(samples, name)) for name in SPLITS)
    test = data.test_hashes(shared_dataset).keys()
    assert len(test) == 4
    assert not training & validation
    assert not calibration & validation
    assert calibration <= training
    for part in (training, validation, calibration):
        assert not part & test


@pytest.mark.parametrize("row", [0, 4])  # of the twelve, the fifth is a validation picture
def test_a_picture_of_trainval_that_is_in_the_test_split_is_refused(shared_dataset, tmp_path, row):
    root = shutil.copytree(shared_dataset, tmp_path / "pets")
    shared, test = read_split(root, "trainval")[row], read_split(root, "test")[3]
    shared.photo.write_bytes(test.photo.read_bytes())
    words = f"{shared.photo} of trainval and {test.photo} of test are one picture: .* Drop its line"
    with pytest.raises(InputError, match=words):
        read_trainval(root)
    with pytest.raises(InputError, match=words):
        open_cache(root, tmp_path / "cache")


def test_a_dataset_without_a_test_split_can_be_trained_on(drawn_dataset):
    (drawn_dataset / FOLDER / "annotations" / "test.txt").unlink()
    assert len(read_trainval(drawn_dataset)) == 4


def test_a_test_split_whose_pictures_are_not_there_can_be_trained_on(drawn_dataset):
    for sample in read_split(drawn_dataset, "test"):
        sample.photo.unlink()
    assert len(read_trainval(drawn_dataset)) == 4


def test_an_unknown_part_of_trainval_is_refused(by_hash):
    with pytest.raises(InputError, match=r"no split of trainval 'test'. Known: calibration, training, validation"):
        split(by_hash, "test")


def test_the_folder_of_the_dataset_itself_is_not_downloaded_into(drawn_dataset, monkeypatch):
    monkeypatch.setattr(data, "OxfordIIITPet", lambda *_, **__: pytest.fail("a download was begun"))
    with pytest.raises(InputError, match=f"is the dataset's own folder; .* Name {drawn_dataset}"):
        read_trainval(drawn_dataset / FOLDER)


def test_the_drawn_dataset_has_pictures_on_both_sides(shared_dataset):
    samples = read_trainval(shared_dataset)
    assert (len(split(samples, "training")), len(split(samples, "validation"))) == (10, 2)


@pytest.mark.parametrize(("species", "expected"), [("cat", [1, 0, 3]), ("dog", [2, 0, 3])])
def test_a_class_mask_names_the_pet_by_its_species(species, expected):
    # Trimap 1 = pet, 2 = background, 3 = border; classes background, cat, dog, border.
    assert CLASSES == ("background", "cat", "dog", "border")
    assert class_mask(np.array([[1, 2, 3]], np.uint8), species).tolist() == [expected]


def test_the_cache_holds_pictures_and_class_ids(shared_dataset, tmp_path):
    cache = open_cache(shared_dataset, tmp_path)
    assert cache.pixels.shape == (12, 512, 512, 4)
    sample: Sample = cache.samples[1].sample
    assert set(np.unique(cache.pixels[1, :, :, 3])) == {0, CLASSES.index(sample.species), 3}
    with Image.open(sample.photo) as photo:
        expected = np.asarray(photo.resize((512, 512), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(cache.pixels[1, :, :, :3], expected)


def test_a_mask_grows_without_a_staircase():
    # A slanted border, two pixels wide, between background and cat.
    rows, columns = np.indices((12, 12))
    distance = columns - rows / 3 - 4
    mask = np.select([distance < -1, distance < 1], [0, 3], 1).astype(np.uint8)
    grown = stretched(mask, (96, 96))
    assert (grown.dtype, grown.shape) == (np.uint8, (96, 96))
    assert set(np.unique(grown)) == {0, 1, 3}
    nearest = mask.repeat(8, axis=0).repeat(8, axis=1)
    ends, ends_nearest = ((ids == 0).sum(axis=1) for ids in (grown, nearest))
    assert np.abs(np.diff(ends_nearest)).max() == 8
    assert np.abs(np.diff(ends)).max() <= 2
    assert (grown == nearest).mean() > 0.9
    assert (grown == 3).mean() == pytest.approx((nearest == 3).mean(), rel=0.1)


def test_a_mask_that_shrinks_keeps_a_thin_border():
    mask = np.zeros((64, 64), np.uint8)
    mask[:, 30:32] = 3
    assert (stretched(mask, (32, 32))[:, 15] == 3).all()


def test_the_cache_is_written_once(shared_dataset, tmp_path):
    open_cache(shared_dataset, tmp_path)
    (path,) = tmp_path.iterdir()
    written = path.stat().st_mtime_ns
    open_cache(shared_dataset, tmp_path)
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_mtime_ns == written


def test_a_cache_that_fails_leaves_nothing(drawn_dataset, tmp_path):
    last = read_split(drawn_dataset, "trainval")[-1]
    last.trimap_path.write_bytes(b"")
    with pytest.raises(InputError, match=f"The trimap .*{last.name}.png cannot be read"):
        open_cache(drawn_dataset, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_download_that_fails_is_told_with_the_folder(monkeypatch, tmp_path):
    def offline(root, download):
        raise URLError("Name or service not known")

    monkeypatch.setattr(data, "OxfordIIITPet", offline)
    with pytest.raises(InputError, match=r"holds no whole oxford-iiit-pet/ and the download failed .* Name the folder"):
        read_trainval(tmp_path / "pets")


def test_a_photo_is_as_it_is_in_the_cache(pictures, blocks):
    image, mask = pictures.photo(1)
    np.testing.assert_array_equal(image, blocks[::-1, :, :3])
    np.testing.assert_array_equal(mask, blocks[::-1, :, 3])


def test_any_picture_is_picked(pictures):
    rng = np.random.default_rng(0)
    picked = [pictures.pick(rng)[1] for _ in range(20)]
    for index in range(2):
        assert any(np.array_equal(mask, pictures.photo(index)[1]) for mask in picked)


def test_pictures_outside_the_split_are_never_picked(blocks):
    cache = PetCache(np.stack([blocks, np.zeros_like(blocks)]), [])
    pictures = PetPictures(cache, [hashed(0, "0")], size=64, seed=0)
    rng = np.random.default_rng(0)
    assert all(pictures.pick(rng)[1].any() for _ in range(20))


def test_a_picture_shows_the_colours_of_its_mask(pictures):
    # Half of either colour lies within a block's smoothed edge; brightness and tint change, not which is greenest.
    image, mask = pictures.augment.compose(pictures.photo(0), np.random.default_rng(0))
    distance = np.abs(image[:, :, None].astype(int) - COLORS).sum(axis=-1)
    is_pure = distance.min(axis=-1) < 5
    assert is_pure.mean() > 0.3
    np.testing.assert_array_equal(distance.argmin(axis=-1)[is_pure], mask[is_pure])


def test_the_kinds_of_picture_can_be_chosen(pictures):
    pictures.augment.kinds = {"ground": 1.0}
    assert not pictures[0][1].any()
    grounds = PetPictures(pictures.cache, pictures.samples, size=64, seed=0, kinds={"ground": 1.0})
    assert all(not grounds[index][1].any() for index in range(2))


def test_an_item_is_a_picture_and_its_class_ids(pictures):
    image, mask = pictures[0]
    assert len(pictures) == 2
    assert (image.dtype, tuple(image.shape)) == (torch.uint8, (64, 64, 3))
    assert (mask.dtype, tuple(mask.shape)) == (torch.uint8, (64, 64))
    assert set(mask.unique().tolist()) <= {0, 1, 2, 3}


def test_an_item_depends_on_seed_epoch_and_index_only(pictures):
    image, mask = pictures[0]
    torch.manual_seed(99)
    pictures[1]
    again_image, again_mask = pictures[0]
    assert torch.equal(image, again_image)
    assert torch.equal(mask, again_mask)

    pictures.epoch = 1
    assert not torch.equal(image, pictures[0][0])
    pictures.epoch, pictures.seed = 0, 1
    assert not torch.equal(image, pictures[0][0])


def test_an_epoch_of_two_passes_draws_every_picture_twice(pictures):
    twice = PetPictures(pictures.cache, pictures.samples, size=64, seed=0, passes=2)
    assert len(twice) == 4
    for index in range(2):
        assert torch.equal(twice[index][0], pictures[index][0])
        assert np.array_equal(twice.photo(index + 2)[0], pictures.photo(index)[0])
        assert not torch.equal(twice[index + 2][0], twice[index][0])


def test_drawing_an_item_leaves_the_random_state_alone(pictures):
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    pictures[0]
    assert torch.equal(torch.rand(1), expected)
