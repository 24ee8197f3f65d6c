"""The dataset on disk is read whole, or refused with the file that is wrong."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from engine.dataset import FOLDER, read_split
from engine.errors import InputError
from engine.evaluate import evaluate, spread


@pytest.fixture
def folder(drawn_dataset):
    return drawn_dataset / FOLDER


@pytest.fixture
def listing(folder):
    return folder / "annotations" / "test.txt"


def test_a_split_is_read_in_the_order_of_its_file(drawn_dataset):
    pets = read_split(drawn_dataset, "test")
    assert [pet.name for pet in pets] == [
        "Drawn_Cat_test0",
        "drawn_hound_test1",
        "Drawn_Cat_test2",
        "drawn_hound_test3",
    ]
    assert [pet.species for pet in pets] == ["cat", "dog", "cat", "dog"]
    assert [pet.breed for pet in pets] == ["Drawn_Cat", "drawn_hound", "Drawn_Cat", "drawn_hound"]


def test_a_trimap_has_the_size_of_its_photo_and_three_values(drawn_dataset):
    trimap = read_split(drawn_dataset, "test")[0].read_trimap()
    assert trimap.shape == (80, 96)
    assert np.unique(trimap).tolist() == [1, 2, 3]


def test_comments_and_empty_lines_are_skipped(drawn_dataset, listing):
    listing.write_text("# name class species breed\n\n" + listing.read_text())
    assert len(read_split(drawn_dataset, "test")) == 4


def test_an_unknown_split_lists_the_known_ones(drawn_dataset):
    with pytest.raises(InputError, match=r"There is no split 'val'. Known: test, trainval"):
        read_split(drawn_dataset, "val")


def test_a_folder_that_is_no_dataset_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"is not an Oxford-IIIT Pet dataset: .*test.txt is missing. Name the folder"):
        read_split(tmp_path, "test")


@pytest.mark.parametrize("path", ["images/Drawn_Cat_test2.jpg", "annotations/trimaps/Drawn_Cat_test2.png"])
def test_a_missing_file_is_named(drawn_dataset, folder, path):
    (folder / path).unlink()
    with pytest.raises(InputError, match=f"{path} is missing, but .*test.txt lists Drawn_Cat_test2. Restore"):
        read_split(drawn_dataset, "test")


@pytest.mark.parametrize("line", ["Drawn_Cat_test0", "Drawn_Cat_test0 1", "Drawn_Cat_test0 1 3 1"])
def test_a_malformed_line_is_shown(drawn_dataset, listing, line):
    listing.write_text(line + "\n")
    with pytest.raises(InputError, match=f"test.txt has the line '{line}'; expected: name, class, species"):
        read_split(drawn_dataset, "test")


def test_a_photo_that_is_listed_twice_is_refused(drawn_dataset, listing):
    listing.write_text(listing.read_text() + "Drawn_Cat_test2 1 1 1\n")
    with pytest.raises(InputError, match=r"test.txt lists Drawn_Cat_test2 twice: it would count twice. Drop one"):
        read_split(drawn_dataset, "test")


@pytest.mark.parametrize("split", ["test", "trainval"])
def test_a_photo_in_both_splits_is_refused(drawn_dataset, listing, split):
    listing.write_text(listing.read_text() + "Drawn_Cat_trainval0 1 1 1\n")
    with pytest.raises(
        InputError, match=r"Drawn_Cat_trainval0 is in .*txt and in .*txt \(1 in both\).* Drop it from one"
    ):
        read_split(drawn_dataset, split)


def test_a_split_is_read_where_the_other_is_not_there(drawn_dataset, listing):
    listing.with_name("trainval.txt").unlink()
    assert len(read_split(drawn_dataset, "test")) == 4


def test_a_list_that_is_no_text_is_refused(drawn_dataset, listing):
    listing.write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(InputError, match=r"test.txt cannot be read .* Restore the file"):
        read_split(drawn_dataset, "test")


@pytest.mark.parametrize(
    ("inner", "what"),
    [
        (FOLDER, "is the dataset's own folder"),
        (f"{FOLDER}/images", f"is a folder within {FOLDER}/"),
        (f"{FOLDER}/annotations/trimaps", f"is a folder within {FOLDER}/"),
    ],
)
def test_a_folder_of_the_dataset_is_refused_with_the_one_to_name(drawn_dataset, inner, what):
    with pytest.raises(InputError, match=f"{what}; expected the one that holds it. Name {drawn_dataset}."):
        read_split(drawn_dataset / inner, "test")


def test_the_dataset_under_another_name_is_refused_with_what_to_do(drawn_dataset, folder):
    renamed = folder.rename(drawn_dataset / "pets")
    with pytest.raises(
        InputError, match=f"holds images/ and annotations/ itself; .* Rename pets/ to {FOLDER}/ and name"
    ):
        read_split(renamed, "test")


def test_a_file_as_a_root_is_refused(drawn_dataset, listing):
    with pytest.raises(InputError, match=f"test.txt is a file. Name the folder that holds {FOLDER}/"):
        read_split(listing, "test")


def test_an_empty_listing_is_refused(drawn_dataset, listing):
    listing.write_text("# nothing\n")
    with pytest.raises(InputError, match=r"test.txt lists no photo. Restore the file"):
        read_split(drawn_dataset, "test")


@pytest.mark.parametrize(
    "trimap", [np.zeros((80, 96), np.uint8), np.full((80, 96), 4, np.uint8), np.ones((80, 96, 3), np.uint8)]
)
def test_a_trimap_of_other_values_or_shape_names_the_file(drawn_dataset, trimap):
    pet = read_split(drawn_dataset, "test")[0]
    Image.fromarray(trimap).save(pet.trimap_path)
    with pytest.raises(InputError, match=r"Drawn_Cat_test0.png has shape .* and values \[[014]\]; expected \(H, W\)"):
        pet.read_trimap()


def test_a_trimap_that_is_no_picture_names_the_file(drawn_dataset):
    pet = read_split(drawn_dataset, "test")[0]
    pet.trimap_path.write_bytes(pet.trimap_path.read_bytes()[:60])
    with pytest.raises(InputError, match=r"The trimap .*Drawn_Cat_test0.png cannot be read .* Restore the file"):
        pet.read_trimap()
    with pytest.raises(InputError, match=r"Drawn_Cat_test1.png cannot be read .* Restore the file"):
        replace(pet, trimap_path=pet.trimap_path.with_name("Drawn_Cat_test1.png")).long_side()


def test_the_long_side_is_that_of_the_trimap(drawn_dataset):
    pet = read_split(drawn_dataset, "test")[0]
    for width, height in ((96, 80), (80, 96), (5, 300)):
        Image.new("L", (width, height), 1).save(pet.trimap_path)
        assert pet.long_side() == max(width, height)


def test_a_trimap_of_another_size_than_its_photo_is_refused(drawn_dataset, segmenter_on):
    pet = read_split(drawn_dataset, "test")[0]
    Image.fromarray(np.ones((40, 48), np.uint8)).save(pet.trimap_path)
    with pytest.raises(InputError, match=r"is \(40, 48\), its photo \(80, 96\) .* restore the files"):
        evaluate(segmenter_on("fake"), drawn_dataset)


@pytest.mark.parametrize("cut", [0, 300])
def test_a_photo_that_cannot_be_read_is_refused(drawn_dataset, segmenter_on, cut):
    photo = read_split(drawn_dataset, "test")[1].photo
    photo.write_bytes(photo.read_bytes()[:cut])
    with pytest.raises(InputError, match=r"drawn_hound_test1.jpg is (empty|damaged or cut short)"):
        evaluate(segmenter_on("fake"), drawn_dataset)


def test_a_limit_is_spread_over_the_list():
    # Of 0..9, three evenly spaced: 0, 4.5 rounded to the even 4, 9.
    assert spread(list(range(10)), 3) == [0, 4, 9]
    assert spread(list(range(10)), 10) == spread(list(range(10)), None) == list(range(10))


def test_a_limit_of_none_is_refused():
    with pytest.raises(InputError, match=r"--limit is 0; expected 1 or more photos"):
        spread([1, 2, 3], 0)


def test_drawn_pets_are_scored(drawn_dataset, segmenter_on):
    # The fake calls bright pixels a pet and bluish ones a dog, which is how they are drawn.
    scores = evaluate(segmenter_on("fake"), drawn_dataset)
    assert scores["images"] == 4
    assert all(iou > 0.9 for iou in scores["species"]["per_class"].values())


def test_the_real_dataset_is_read(pets_root):
    for split in ("trainval", "test"):
        pets = read_split(pets_root, split)
        assert {pet.species for pet in pets} == {"cat", "dog"}
        assert len({pet.name for pet in pets}) == len(pets)
    assert set(np.unique(pets[0].read_trimap())) <= {1, 2, 3}


def test_a_photo_that_shows_both_tells_the_species_of_each_pixel(drawn_dataset):
    pets = read_split(drawn_dataset, "test")
    assert not any(pet.shows_both for pet in pets)
    assert pets[0].read_species() is None
    (drawn_dataset / "species").mkdir()
    species = np.array([[0, 1], [2, 255]], np.uint8)
    Image.fromarray(species).save(drawn_dataset / "species" / f"{pets[0].name}.png")
    assert pets[0].shows_both
    np.testing.assert_array_equal(pets[0].read_species(), species)


def test_a_damaged_map_of_species_is_named(drawn_dataset):
    pets = read_split(drawn_dataset, "test")
    (drawn_dataset / "species").mkdir()
    pets[0].species_path.write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"The annotation .*Drawn_Cat_test0.png cannot be read .* Restore the file"):
        pets[0].read_species()
