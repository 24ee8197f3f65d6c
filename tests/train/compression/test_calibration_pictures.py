"""The pictures that INT8 is calibrated on."""

import numpy as np
import pytest

from engine.images import read_picture
from engine.segmenter import preprocess
from train.compression.calibration_pictures import KINDS, calibration_pictures
from train.compression.ptq import QuantizationOptions, calibration_dataset
from train.data import HashedSample, read_trainval

SIZE_HW = (64, 96)


@pytest.fixture(scope="module")
def samples(shared_dataset) -> list[HashedSample]:
    return read_trainval(shared_dataset)


def photo(hashed: HashedSample) -> np.ndarray:
    return preprocess(read_picture(hashed.sample.photo).image, SIZE_HW)


@pytest.mark.parametrize("kind", KINDS)
def test_a_calibration_picture_is_what_the_network_sees_and_always_the_same(samples, kind):
    for number in range(4):
        first, again = (calibration_pictures(samples, SIZE_HW, kind)(number) for _ in range(2))
        assert (first.shape, first.dtype) == ((1, *SIZE_HW, 3), np.uint8)
        np.testing.assert_array_equal(first, again)


def test_photos_are_the_photos_themselves(samples):
    draw = calibration_pictures(samples, SIZE_HW, "photos")
    for number, hashed in enumerate(samples):
        np.testing.assert_array_equal(draw(number), photo(hashed))


def test_every_second_picture_is_a_scene_and_no_photo(samples):
    draw = calibration_pictures(samples, SIZE_HW, "half-scenes")
    photos = [photo(hashed) for hashed in samples]
    is_photo = [any(np.array_equal(draw(number), each) for each in photos) for number in range(6)]
    assert is_photo == [True, False, True, False, True, False]


@pytest.mark.parametrize("kind", KINDS)
def test_nncf_is_shown_the_pictures_that_were_chosen(samples, kind):
    choices = QuantizationOptions(calibration=kind, subset_size=4)
    shown = list(calibration_dataset(samples, SIZE_HW, choices).get_inference_data())
    np.testing.assert_array_equal(
        shown, [calibration_pictures(samples[:4], SIZE_HW, kind)(number) for number in range(4)]
    )


def test_scenes_are_made_of_the_calibration_photos_alone(samples, monkeypatch):
    read = set()
    monkeypatch.setattr("train.compression.calibration_pictures.labelled", lambda hashed: read.add(hashed.row) or EMPTY)
    for number in range(4):
        calibration_pictures(samples[:4], SIZE_HW, "half-scenes")(number)
    assert {1, 3} <= read <= {0, 1, 2, 3}


EMPTY = np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64), np.uint8)
