"""How an answer is shown: the pet alone or an effect where it is found, what is not sure as such."""

import numpy as np
import pytest

from demo.answers import Answers, Seen
from demo.drawing import MAX_SIDE
from demo.views import ALONE, NO_BACKGROUND, STICKER, VIEWS, check_view, draw, draw_full
from engine.drawing import rgb
from engine.effects import EFFECTS, EffectOptions
from engine.errors import InputError

WHITE = (255, 255, 255)
FP32 = "openvino-fp32"
BEACH = EffectOptions(background=np.full((30, 40, 3), 70, np.uint8))


@pytest.fixture
def see(fake_lanes):
    """`see(path)` is what the fake sees in a photo."""
    answers = Answers(fake_lanes)
    return lambda path: answers.see(path, FP32)


@pytest.fixture
def two(see, two_photo) -> Seen:
    return see(two_photo)


@pytest.fixture
def unsure(see, unsure_photo) -> Seen:
    return see(unsure_photo)


def test_the_cut_out_comes_first_and_every_effect_is_offered():
    assert list(VIEWS) == [ALONE, *EFFECTS]
    assert VIEWS[ALONE] == "Cut-out"
    assert len(set(VIEWS.values())) == len(VIEWS)


def test_the_pet_alone_is_cropped_to_it_with_a_margin_on_nothing(two):
    shown = draw(two, ALONE, EffectOptions())
    # The pets reach from column 40 to 279 and from row 40 to 119; the margin is 240 / 24 = 10 px.
    assert shown.shape == (pytest.approx(100, abs=4), pytest.approx(260, abs=4), 4)
    assert shown[2, 2, 3] == 0
    assert shown[50, 50].tolist() == [*WHITE, 255]
    assert shown[50, 120, 3] == 0  # between the two


def test_a_sticker_is_cropped_to_its_paper(two):
    shown = draw(two, STICKER, EffectOptions())
    assert shown.shape[2] == 4
    assert 80 < shown.shape[0] < 160
    assert 240 < shown.shape[1] < 320
    assert shown[0, 0, 3] == 0


@pytest.mark.parametrize("view", [view for view in VIEWS if view not in (ALONE, STICKER)])
def test_every_other_view_is_the_whole_picture(see, saved, two, view):
    image = two.photo.image.copy()
    image[20] = 90  # a line in the ground, for the blur
    shown = draw(see(saved(image, "line.png")), view, BEACH)
    assert shown.shape == (160, 320, 3)
    assert shown.dtype == np.uint8
    assert (shown != image).any()


def test_a_view_uses_its_options(two):
    assert draw(two, "cutout", EffectOptions(color="#112233"))[5, 5].tolist() == [17, 34, 51]
    on_beach = draw(two, "replace", BEACH)
    assert on_beach[5, 5].tolist() == [70, 70, 70]
    assert on_beach[80, 80].tolist() == [*WHITE]


def test_the_blur_is_a_share_of_the_longer_side(see, saved):
    # A grey line in the ground, far from the pet, is gone with 6 % (12 px) and still there with 0.2 %.
    image = np.zeros((200, 200, 3), np.uint8)
    image[100:180, 100:180], image[20, :] = 255, 90
    seen = see(saved(image, "line.png"))
    strong, faint = (draw(seen, "blur", EffectOptions(blur=blur))[20, 50, 0] for blur in (0.06, 0.002))
    assert strong < 8
    assert faint > 60


def test_a_large_photo_is_shown_smaller_and_written_whole(see, saved):
    image = np.zeros((500, 2 * MAX_SIDE, 3), np.uint8)
    image[100:400, 500:1500] = 255
    seen = see(saved(image, "wide.png"))
    assert draw(seen, "outline", EffectOptions()).shape == (250, MAX_SIDE, 3)
    assert draw_full(seen, "outline", EffectOptions()).shape == (500, 2 * MAX_SIDE, 3)


@pytest.mark.parametrize(("view", "channels"), [(ALONE, 4), (STICKER, 4), ("blur", 3)])
def test_a_file_is_not_cropped(two, view, channels):
    assert draw_full(two, view, EffectOptions()).shape == (160, 320, channels)


def test_what_is_not_sure_is_the_photo_with_a_dashed_outline_in_every_view(unsure):
    drawn = draw(unsure, ALONE, EffectOptions())
    assert drawn.shape == (60, 80, 3)
    assert (drawn == rgb("#E69F00")).all(axis=2).any()  # the cat's orange
    assert drawn[30, 10].tolist() == [130, 130, 130]  # not filled
    assert drawn[30, 70].tolist() == [0, 0, 0]
    np.testing.assert_array_equal(draw(unsure, "overlay", EffectOptions()), drawn)


def test_what_is_not_sure_is_used_like_what_is_when_that_is_wanted(unsure):
    shown = draw(unsure, ALONE, EffectOptions(), anyway=True)
    assert shown.shape[2] == 4
    assert shown[30, 10, 3] > 200


def test_where_nothing_is_found_the_photo_is_shown(see, wall_photo):
    seen = see(wall_photo)
    np.testing.assert_array_equal(draw(seen, "blur", EffectOptions()), seen.photo.image)
    assert draw(seen, ALONE, EffectOptions(), anyway=True).shape == (60, 80, 4)  # nothing of it is opaque


@pytest.mark.parametrize("drawing", [draw, draw_full])
def test_without_a_background_one_is_asked_for(two, drawing):
    with pytest.raises(InputError, match=NO_BACKGROUND):
        drawing(two, "replace", EffectOptions())


@pytest.mark.parametrize(
    ("view", "options", "words"),
    [
        ("glow", EffectOptions(), "There is no effect 'glow'"),
        (ALONE, EffectOptions(color="teal"), "'teal' is not a colour"),
        ("blur", EffectOptions(blur=0.5), "A blur of 0.5 of the longer side cannot be made"),
    ],
)
def test_what_the_engine_refuses_is_refused_in_its_words(view, options, words):
    with pytest.raises(InputError, match=words):
        check_view(view, options)


def test_every_view_of_the_page_is_accepted():
    for view in VIEWS:
        check_view(view, BEACH)
