"""A picture in, a segmentation out, at the picture's own size."""

from dataclasses import replace

import numpy as np
import pytest

from engine import Segmenter as exported_segmenter
from engine.backends.fake import FakeBackend
from engine.errors import InferenceError, InputError
from engine.images import Picture, read_picture
from engine.segmenter import DEFAULT_BACKEND, Segmenter, confidence_of, finding_of, pets_in, preprocess, stretch
from engine.spec import Finding

BLACK, GREY, BLUISH, REDDISH = (0, 0, 0), (200, 200, 200), (150, 200, 250), (250, 200, 150)


@pytest.fixture
def fake(segmenter_on) -> Segmenter:
    return segmenter_on("fake")


@pytest.fixture
def stripes(model) -> np.ndarray:
    """Of the model's size: half background, a quarter cat, a quarter dog to the fake backend."""
    height, width = model.spec.size_hw
    image = np.zeros((height, width, 3), np.uint8)
    image[:, width // 2 : width * 3 // 4], image[:, width * 3 // 4 :] = REDDISH, BLUISH
    return image


@pytest.mark.parametrize("size_hw", [(80, 96), (16, 16), (300, 17), (700, 500)])
def test_the_mask_has_the_size_of_the_picture(fake, drawn_pet, size_hw):
    segmentation = fake.predict(drawn_pet(size_hw=size_hw)[0])
    assert segmentation.mask.shape == size_hw
    assert segmentation.mask.dtype == np.uint8
    assert segmentation.size_hw == size_hw
    assert segmentation.logits.shape == (4, *fake.spec.size_hw)


def test_a_photo_of_12_megapixels_gets_a_mask_of_its_own_size(fake, drawn_pet, encoded):
    data = encoded(drawn_pet(size_hw=(3000, 4000))[0], quality=80)
    assert fake.predict(data).mask.shape == (3000, 4000)


def test_areas_are_shares_of_the_picture(fake, stripes):
    # Reddish: cat (200 - 128) / 16 = 4.5, dog 4.5 - (250 - 150) / 16 = -1.75. Bluish: dog 4.5 + 6.25, and cat 4.5.
    # Grey: 4.5 each, which is cat's.
    assert fake.predict(stripes).areas == {"cat": 0.25, "dog": 0.25}
    assert fake.predict(np.full((20, 30, 3), BLACK, np.uint8)).areas == {"cat": 0.0, "dog": 0.0}
    assert fake.predict(np.full((20, 30, 3), GREY, np.uint8)).areas == {"cat": 1.0, "dog": 0.0}


def test_timings_are_of_the_four_stages(fake, drawn_pet, encoded):
    timings = fake.predict(encoded(drawn_pet()[0])).timings
    assert list(timings) == ["read", "preprocess", "infer", "postprocess"]
    assert all(type(ms) is float and ms > 0 for ms in timings.values())


def test_a_picture_that_is_read_already_takes_no_time_to_read(fake, stripes):
    assert fake.segment(Picture(stripes, stripes.shape[:2])).timings["read"] == 0


def test_probabilities_are_computed_when_asked_for(fake, stripes):
    segmentation = fake.predict(stripes)
    assert "probabilities" not in vars(segmentation)
    # Reddish: 1 for the background to e^4.5 for the cat and e^-1.75 for the dog, which are the cat's too: one animal
    # has one species. The border's e^-10 is nothing beside them.
    pet = np.exp(4.5) + np.exp(-1.75)
    expected = np.array([1, pet, 0, np.exp(-10)]) / (1 + pet + np.exp(-10))
    np.testing.assert_allclose(
        segmentation.probabilities[:, 10, stripes.shape[1] * 5 // 8], expected, rtol=1e-4, atol=1e-9
    )
    assert segmentation.probabilities is segmentation.probabilities


def test_a_pet_that_the_network_calls_both_has_one_species_and_scores_see_what_the_network_said(fake, stripes):
    # Grey beside bluish: cat and dog are as likely on the grey half, which is no sure cat, so all of it is the dog's.
    stripes[(stripes == REDDISH).all(axis=2)] = GREY
    segmentation = fake.predict(stripes)
    assert segmentation.areas == {"cat": 0.0, "dog": 0.5}
    assert segmentation.pets == ["dog"]
    column = stripes.shape[1] * 5 // 8
    assert segmentation.network_logits[:, 10, column].tolist() == pytest.approx([0, 4.5, 4.5, -10])
    settled = np.exp(segmentation.logits[:, 10, column])
    assert settled[[0, 3]] == pytest.approx(np.exp([0, -10]))
    assert settled[2] == pytest.approx(2 * np.exp(4.5), rel=1e-5)
    assert settled[1] < 1e-9


def test_probabilities_have_the_size_of_the_picture(fake, drawn_pet):
    assert fake.predict(drawn_pet(size_hw=(50, 70))[0]).probabilities.shape == (4, 50, 70)


def test_confidence_is_of_the_pixels_that_are_an_object(fake):
    # Of grey: 2 e^4.5 of 1 + 2 e^4.5, whatever the border has.
    expected = 2 * np.exp(4.5) / (1 + 2 * np.exp(4.5))
    assert fake.predict(np.full((20, 30, 3), GREY, np.uint8)).confidence == pytest.approx(expected, rel=1e-4)
    assert fake.predict(np.full((20, 30, 3), BLACK, np.uint8)).confidence is None


def test_confidence_leaves_the_border_out():
    # Two pixels: p(background) 0.1 and p(cat) 0.7, 0.7 / 0.8; and 0.6 to 0.2, no pet.
    probabilities = np.array([[[0.1, 0.6]], [[0.7, 0.2]], [[0, 0]], [[0.2, 0.2]]], np.float32)
    assert confidence_of(probabilities, 2) == pytest.approx(0.875)
    assert confidence_of(probabilities[:, :, 1:], 2) is None


# Grey of level g: x = (g - 128) / 16, and 2 e^x to 1. Level 118: 1.07 / 2.07 = 0.52; 134: 2.91 / 3.91 = 0.744; 160:
# 14.8 / 15.8 = 0.94.
@pytest.mark.parametrize(
    ("level", "found", "has_mask"),
    [(0, "nothing", False), (118, "nothing", True), (134, "unsure", True), (160, "found", True)],
)
def test_a_pet_is_found_perhaps_or_not_by_the_models_own_thresholds(model, level, found, has_mask):
    spec = replace(model.spec, finding=Finding(found=0.85, unsure=0.65))
    segmentation = Segmenter(spec, FakeBackend()).predict(np.full((20, 30, 3), level, np.uint8))
    assert segmentation.found == found
    assert segmentation.mask.any() == has_mask


@pytest.mark.parametrize(
    ("confidence", "found"), [(None, "nothing"), (0.649, "nothing"), (0.65, "unsure"), (0.85, "found"), (1.0, "found")]
)
def test_a_threshold_belongs_to_what_is_above_it(model, confidence, found):
    assert finding_of(confidence, replace(model.spec, finding=Finding(found=0.85, unsure=0.65))) == found


@pytest.mark.parametrize(
    ("areas", "pets"),
    [
        ({"cat": 0.2, "dog": 0.3}, ["dog", "cat"]),
        ({"cat": 0.2, "dog": 0.001}, ["cat"]),  # a speck of dog
        ({"cat": 0.0, "dog": 0.001}, ["dog"]),  # all there is
        ({"cat": 0.0, "dog": 0.0}, []),
    ],
)
def test_species_are_named_the_largest_first_without_specks(areas, pets):
    assert pets_in(areas) == pets


def test_path_bytes_and_array_give_the_same_answer(segmenter_on, drawn_pet, encoded, tmp_path):
    image, _ = drawn_pet(size_hw=(150, 200))
    path = tmp_path / "pet.png"
    path.write_bytes(encoded(image, "PNG"))
    segmenter = segmenter_on("openvino-fp32")
    expected = segmenter.predict(image)
    for source in (path, str(path), path.read_bytes()):
        segmentation = segmenter.predict(source)
        np.testing.assert_array_equal(segmentation.mask, expected.mask)
        np.testing.assert_allclose(segmentation.logits, expected.logits, atol=1e-4)


def test_a_jpeg_decoded_at_a_reduced_scale_gives_the_mask_of_the_full_one(segmenter_on, drawn_pet, encoded):
    segmenter = segmenter_on("openvino-fp32")
    height, width = (4 * side + 80 for side in segmenter.spec.size_hw)
    data = encoded(drawn_pet(size_hw=(height, width))[0], quality=90)
    assert read_picture(data, segmenter.spec.size_hw).image.shape == (height // 4, width // 4, 3)
    reduced, full = segmenter.predict(data).mask, segmenter.segment(read_picture(data)).mask
    assert (reduced == full).mean() >= 0.99


def test_the_network_gets_the_picture_stretched_to_its_size(drawn_pet):
    image, _ = drawn_pet(size_hw=(300, 400))
    batch = preprocess(image, (64, 96))
    assert batch.shape == (1, 64, 96, 3)
    assert batch.dtype == np.uint8
    # Left and right halves of one colour each stay where they were.
    halves = np.zeros((300, 400, 3), np.uint8)
    halves[:, 200:] = 255
    assert (preprocess(halves, (64, 96))[0, :, :46] == 0).all()
    assert (preprocess(halves, (64, 96))[0, :, 50:] == 255).all()


# Larger and smaller than the model, odd sides, and beyond what begins by averaging blocks.
@pytest.mark.parametrize("size_hw", [(375, 500), (16, 3000), (321, 319), (801, 603), (97, 2000), (2500, 2400)])
def test_a_picture_resized_by_several_cores_has_the_very_same_pixels(size_hw):
    image = np.random.default_rng(0).integers(0, 256, (*size_hw, 3), dtype=np.uint8)
    np.testing.assert_array_equal(preprocess(image, (320, 320))[0], stretch(image, (320, 320)))


def test_a_picture_of_the_models_size_goes_in_as_it_is(stripes):
    np.testing.assert_array_equal(preprocess(stripes, stripes.shape[:2])[0], stripes)


def test_an_array_seen_backwards_is_segmented(fake, stripes):
    # A view with negative strides: what a mirrored webcam picture is.
    np.testing.assert_array_equal(fake.predict(stripes[:, ::-1]).mask, fake.predict(stripes).mask[:, ::-1])


def test_pictures_together_get_the_answers_they_get_alone(fake, drawn_pet):
    pictures = [read_picture(drawn_pet(seed, size_hw)[0]) for seed, size_hw in enumerate([(80, 96), (64, 40)])]
    together = fake.segment_together(pictures, [1.0, 2.0])
    for picture, segmentation in zip(pictures, together, strict=True):
        np.testing.assert_array_equal(segmentation.mask, fake.segment(picture).mask)
    assert [each.timings["read"] for each in together] == [1.0, 2.0]
    assert together[0].timings["infer"] == together[1].timings["infer"]


def test_a_bad_picture_is_refused(fake):
    with pytest.raises(InputError, match="The picture is empty"):
        fake.predict(b"")


def test_a_failing_runtime_is_an_inference_error(model, stripes):
    with pytest.raises(InferenceError, match="no memory left"):
        Segmenter(model.spec, FakeBackend(MemoryError("no memory left"))).predict(stripes)


def test_a_model_without_a_dog_gives_the_area_of_its_cat_only(model, stripes):
    classes = [c for c in model.spec.classes if c.name != "dog"]
    segmenter = Segmenter(replace(model.spec, classes=classes), FakeBackend())
    assert segmenter.predict(stripes).areas == {"cat": 0.5}


def test_the_five_line_example_opens_the_default_backend(drawn_pet):
    segmenter = exported_segmenter.open()
    assert DEFAULT_BACKEND == "openvino-int8"
    assert segmenter.describe().precision.startswith("INT8")
    assert set(segmenter.predict(drawn_pet()[0]).areas) == {"cat", "dog"}
