"""What a user is told of photos, counted."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from engine.backends.fake import FakeBackend
from engine.errors import InputError
from engine.found import FoundCounts, false_alarms
from engine.images import photos_in
from engine.segmenter import Segmentation, Segmenter
from engine.spec import Finding

# Grey, as test_segmenter.py works it out: nothing at 118 (0.52), perhaps a cat at 134 (0.744), a cat at 160 (0.94).
NONE, PERHAPS, SURE = 118, 134, 160


@pytest.fixture
def segmenter(model) -> Segmenter:
    return Segmenter(replace(model.spec, finding=Finding(found=0.85, unsure=0.65)), FakeBackend())


def seen(segmenter: Segmenter, level: int, blue: int = 0) -> Segmentation:
    image = np.full((20, 20, 3), level, np.uint8)
    image[:, :, 2] += blue
    image[:, :, 0] -= blue
    return segmenter.predict(image)


def test_photos_are_counted_by_what_is_told_of_them(segmenter):
    counts = FoundCounts()
    for level in (NONE, PERHAPS, SURE, SURE, SURE):
        counts.add(seen(segmenter, level), "cat")
    assert counts.report() == {"photos": 5, "found": 3, "unsure": 1, "nothing": 1, "right_species": 4}


def test_the_species_is_right_where_the_largest_pet_is_called_so(segmenter):
    counts = FoundCounts()
    cat, dog = seen(segmenter, SURE), seen(segmenter, SURE, blue=40)
    assert (cat.pets, dog.pets) == (["cat"], ["dog"])
    for segmentation, species in ((cat, "cat"), (dog, "dog"), (cat, "dog"), (dog, "cat"), (dog, None)):
        counts.add(segmentation, species)
    # The fifth shows both, or no pet: it has no right species.
    assert counts.report() == {"photos": 5, "found": 5, "unsure": 0, "nothing": 0, "right_species": 2}


def test_where_nothing_is_found_no_species_is_right(segmenter):
    counts = FoundCounts()
    counts.add(seen(segmenter, NONE), "cat")
    assert counts.report()["right_species"] == 0


def test_of_no_photo_there_is_nothing_to_count():
    assert set(FoundCounts().report().values()) == {0}


@pytest.fixture
def folder(tmp_path):
    """Four photos, of which the fake backend finds a cat in one and perhaps one in another."""
    for number, level in enumerate((NONE, 0, PERHAPS, SURE)):
        Image.fromarray(np.full((20, 20, 3), level, np.uint8)).save(tmp_path / f"{number}.png")
    (tmp_path / "notes.txt").write_text("no photo")
    return tmp_path


def test_false_alarms_are_pets_on_photos_without_one(segmenter, folder):
    assert false_alarms(segmenter, photos_in(folder)) == {"photos": 4, "found": 1, "unsure": 1}


def test_the_photos_of_a_folder_are_in_the_order_of_their_names(folder):
    assert [path.name for path in photos_in(folder)] == ["0.png", "1.png", "2.png", "3.png"]


def test_a_folder_that_holds_no_photo_or_is_none_is_refused(tmp_path, folder):
    for wrong in (tmp_path / "nowhere", folder / "notes.txt"):
        with pytest.raises(InputError, match=r"holds no photo\. Name a folder with"):
            photos_in(wrong)
