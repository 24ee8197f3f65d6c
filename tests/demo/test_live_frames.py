"""A camera's frame in, JPEGs and figures out; by hand from fakes that judge by brightness."""

from dataclasses import replace

import numpy as np
import pytest

from demo.lanes import Lanes
from demo.live_frames import LiveAnswer, LiveFrames, LiveSettings
from engine.backends.fake import FakeBackend
from engine.effects import EFFECTS
from engine.errors import BackendUnavailableError, InferenceError, InputError
from engine.images import read_picture
from engine.segmenter import Segmenter
from engine.spec import Finding

KNOWN = ("torch", "openvino-fp32", "openvino-int8")
SAID = {"backends": ["torch"], "effect": "blur", "color": "#112233", "steady": False}
# Grey levels. The fake's cat and dog have the same logit c = (level - 128) / 16 on grey, so a pixel is a cat where
# 2 exp(c) > 1, above a level of 116.9; for the INT8 fake, whose c is 0.5 larger, above 108.9. A cat is found where the
# mean of 2 exp(c) / (1 + 2 exp(c)) over these is 0.85 or more, and perhaps there from 0.65 on.
BRIGHT, DARK, BARELY = 200, 40, 113  # a cat, background, a cat for the INT8 fake alone
GREEN, RED = (0, 158, 115), (200, 30, 30)  # the colour of a cut-out until another is chosen, #009E73; and another


def halves(left: int, right: int, size_hw: tuple[int, int] = (96, 128)) -> np.ndarray:
    """A grey picture of two halves, uint8 (H, W, 3)."""
    image = np.full((*size_hw, 3), left, np.uint8)
    image[:, size_hw[1] // 2 :] = right
    return image


def decoded(answer: LiveAnswer) -> list[np.ndarray]:
    return [read_picture(file).image.astype(int) for file in answer.pictures]


@pytest.fixture
def spec(spec):
    return replace(spec, finding=Finding(found=0.85, unsure=0.65))


@pytest.fixture
def frames(fake_lanes) -> LiveFrames:
    return LiveFrames(fake_lanes)


# --- What a viewer chooses ---


def test_settings_are_read_from_what_the_page_sends():
    assert LiveSettings.from_json(SAID, KNOWN) == LiveSettings(("torch",), "blur", "#112233", False)


def test_one_backend_named_twice_is_one():
    twice = SAID | {"backends": ["torch", "torch"]}
    assert LiveSettings.from_json(twice, KNOWN).backends == ("torch",)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"backends": None}, "The backends are None; expected a list of one or two names"),
        ({"backends": "torch"}, "The backends are 'torch'; expected a list"),
        ({"backends": []}, r"The backends are \[\]; expected a list of one or two"),
        ({"backends": list(KNOWN)}, "expected a list of one or two names"),
        ({"backends": ["tflite"]}, "There is no backend 'tflite'. Known: openvino-fp32, openvino-int8, torch"),
        ({"backends": [["torch"]]}, "There is no backend"),
        ({"effect": "sepia"}, "There is no effect 'sepia'. Known: blur, cutout, "),
        ({"effect": None}, "There is no effect 'None'"),
        ({"effect": ["blur"]}, "There is no effect"),
        ({"color": 7}, "The colour is 7 and steady is False; expected a text and true or false"),
        ({"steady": 1}, "The colour is '#112233' and steady is 1; expected"),
    ],
)
def test_a_bad_setting_is_refused_in_words(wrong, sentence):
    with pytest.raises(InputError, match=sentence):
        LiveSettings.from_json(SAID | wrong, KNOWN)


def test_a_missing_setting_is_refused():
    for name in SAID:
        with pytest.raises(InputError):
            LiveSettings.from_json({key: value for key, value in SAID.items() if key != name}, KNOWN)


# --- Frames ---


def test_a_frame_comes_back_as_a_jpeg_of_its_size_with_its_figures(frames, encoded):
    answer = frames.answer(7, encoded(halves(BRIGHT, DARK), quality=95))
    assert answer.number == 7
    assert [picture[:2] for picture in answer.pictures] == [b"\xff\xd8"]  # a JPEG begins so
    assert [picture.shape for picture in decoded(answer)] == [(96, 128, 3)]
    (lane,) = answer.figures["lanes"]
    assert (lane["backend"], lane["label"]) == ("openvino-int8", "OpenVINO INT8")
    assert lane["areas"]["cat"] == pytest.approx(0.5, abs=0.02)  # the bright half
    assert lane["areas"]["dog"] == 0
    assert lane["found"] == "found"
    assert answer.figures["agreement"] is None
    assert answer.figures["is_cut"] is False
    assert 0 < lane["infer_ms"] < answer.figures["server_ms"]


def test_two_backends_that_see_a_quarter_of_the_frame_otherwise_agree_on_the_rest(frames, encoded):
    frames.choose(LiveSettings(("openvino-int8", "openvino-fp32"), steady=False))
    image = halves(BRIGHT, DARK)
    image[:, 64:96] = BARELY  # 32 of 128 columns
    answer = frames.answer(1, encoded(image, quality=95))
    int8, fp32 = answer.figures["lanes"]
    assert [int8["backend"], fp32["backend"]] == ["openvino-int8", "openvino-fp32"]
    assert int8["areas"]["cat"] == pytest.approx(0.75, abs=0.02)
    assert fp32["areas"]["cat"] == pytest.approx(0.5, abs=0.02)
    assert answer.figures["agreement"] == pytest.approx(0.75, abs=0.02)


def test_the_pictures_are_in_the_order_of_the_backends(spec, encoded):
    offsets = {"openvino-int8": 20.0}  # sees a cat everywhere: (40 - 128) / 16 + 20 = 14.5
    lanes = Lanes(spec, lambda name: Segmenter(spec, FakeBackend(offset=offsets.get(name, 0.0))))
    frames = LiveFrames(lanes)
    frames.choose(LiveSettings(("openvino-fp32", "openvino-int8"), "cutout", steady=False))
    left, right = decoded(frames.answer(1, encoded(halves(BRIGHT, DARK), quality=95)))
    assert left[48, 16] == pytest.approx([BRIGHT] * 3, abs=6)
    assert left[48, 112] == pytest.approx(GREEN, abs=6)  # the dark half is cut away
    assert right[48, 112] == pytest.approx([DARK] * 3, abs=6)


@pytest.mark.parametrize("effect", EFFECTS)
def test_every_effect_gives_a_picture_of_the_frames_size(frames, encoded, effect):
    frames.choose(LiveSettings(effect=effect))
    (picture,) = decoded(frames.answer(1, encoded(halves(BRIGHT, DARK, (90, 70)))))
    assert picture.shape == (90, 70, 3)


def test_the_background_is_a_grey_wall_until_the_viewer_gives_his_own(frames, encoded):
    frames.choose(LiveSettings(effect="replace", steady=False))
    photo = encoded(halves(BRIGHT, DARK), quality=95)
    (wall,) = decoded(frames.answer(1, photo))
    assert wall[8, 112] == pytest.approx([80] * 3, abs=8)  # 70 above, 190 below, so a twelfth down 70 + 120 / 12
    assert wall[88, 112] == pytest.approx([180] * 3, abs=8)
    frames.set_background(encoded(np.full((40, 40, 3), RED, np.uint8), quality=95))
    (own,) = decoded(frames.answer(2, photo))
    assert own[8, 112] == pytest.approx(RED, abs=8)
    assert own[8, 16] == pytest.approx([BRIGHT] * 3, abs=8)  # the cat is still in front of it


def test_a_background_that_is_no_picture_is_refused_and_the_one_before_stays(frames, encoded):
    frames.choose(LiveSettings(effect="replace"))
    with pytest.raises(InputError, match="not a picture we can read"):
        frames.set_background(b"PK")
    assert decoded(frames.answer(1, encoded(halves(BRIGHT, DARK))))[0].shape == (96, 128, 3)


def test_a_large_background_is_kept_at_the_size_of_a_frame(frames, encoded, monkeypatch):
    given = []
    monkeypatch.setattr("demo.live_frames.apply_effect", lambda *a: (given.append(a[4].background), a[1])[1])
    frames.set_background(encoded(np.zeros((640, 2560, 3), np.uint8)))
    frames.answer(1, encoded(halves(BRIGHT, DARK)))
    assert given[0].shape == (320, 1280, 3)  # half of 640 x 2560


def test_settings_hold_from_the_next_frame_on(frames, encoded):
    photo = encoded(halves(BRIGHT, DARK), quality=95)
    frames.answer(1, photo)
    frames.choose(LiveSettings(("torch",), "cutout", "#C81E1E", steady=False))
    answer = frames.answer(2, photo)
    assert [lane["backend"] for lane in answer.figures["lanes"]] == ["torch"]
    assert decoded(answer)[0][48, 112] == pytest.approx(RED, abs=8)  # C8, 1E, 1E = 200, 30, 30


# Level 118: 2 exp(-10 / 16) = 1.07, p(background) = 1 / 2.07 = 0.483, a cat; level 116: 1 / 1.945 = 0.514, none.
# A change of 2 levels is noise, so a steady edge keeps 0.7 of the past: 0.7 x 0.483 + 0.3 x 0.514 = 0.492, a cat still.
# The left half is a cat beyond doubt, so that one is found.
@pytest.mark.parametrize(("steady", "share"), [(True, 1.0), (False, 0.5)])
def test_steady_edges_keep_what_only_noise_would_change(frames, encoded, steady, share):
    frames.choose(LiveSettings(("torch",), steady=steady))
    before = frames.answer(1, encoded(halves(255, 118), quality=95))
    after = frames.answer(2, encoded(halves(255, 116), quality=95))
    assert before.figures["lanes"][0]["areas"]["cat"] == pytest.approx(1.0, abs=0.02)
    assert after.figures["lanes"][0]["areas"]["cat"] == pytest.approx(share, abs=0.02)


def test_a_choice_forgets_the_frames_before_it(frames, encoded):
    steady = LiveSettings(("torch",), steady=True)
    frames.choose(steady)
    frames.answer(1, encoded(halves(255, 118), quality=95))
    frames.choose(steady)
    after = frames.answer(2, encoded(halves(255, 116), quality=95))
    # 118 would have kept it a cat, as above.
    assert after.figures["lanes"][0]["areas"]["cat"] == pytest.approx(0.5, abs=0.02)


# 0.52 at level 118, 0.744 at 134, 0.94 at 160.
@pytest.mark.parametrize(("level", "found"), [(DARK, "nothing"), (118, "nothing"), (134, "unsure"), (160, "found")])
def test_a_frame_says_whether_a_pet_is_found_and_nothing_is_drawn_where_none_is(frames, encoded, level, found):
    frames.choose(LiveSettings(("torch",), "overlay", steady=False))
    image = halves(level, level)
    answer = frames.answer(1, encoded(image, quality=95))
    (lane,) = answer.figures["lanes"]
    assert lane["found"] == found
    assert any(lane["areas"].values()) == (found != "nothing")
    is_as_it_was = np.abs(decoded(answer)[0] - image.astype(int)).max() < 8
    assert is_as_it_was == (found == "nothing")


def test_what_is_found_is_steady_over_a_frame_that_is_not_sure(frames, encoded):
    frames.choose(LiveSettings(("torch",), steady=False))
    levels = (160, 160, 126, 160)  # 126 alone is 0.64, nothing; in the light of those before it, 0.88
    found = [frames.answer(n, encoded(halves(level, level), quality=95)) for n, level in enumerate(levels)]
    assert [answer.figures["lanes"][0]["found"] for answer in found] == ["found"] * 4


def test_a_new_scene_is_told(frames, encoded):
    frames.answer(1, encoded(halves(DARK, DARK)))
    assert frames.answer(2, encoded(halves(DARK, DARK))).figures["is_cut"] is False
    assert frames.answer(3, encoded(halves(BRIGHT, BRIGHT))).figures["is_cut"] is True


# --- What cannot be answered ---


def test_too_large_a_frame_is_refused(frames, encoded):
    assert frames.answer(1, encoded(halves(0, 0, (1000, 1600)))).number == 1
    with pytest.raises(InputError, match=r"2000 x 1000 pixels \(2 megapixels\); at most 1.6 megapixels are read"):
        frames.answer(2, encoded(halves(0, 0, (1000, 2000))))


def test_a_background_may_be_a_long_strip(frames, encoded):
    frames.set_background(encoded(np.zeros((16, 20000, 3), np.uint8), "PNG"))
    frames.choose(LiveSettings(effect="replace"))
    assert frames.answer(1, encoded(halves(0, 0))).number == 1


def test_a_frame_that_is_no_picture_is_refused_and_the_next_one_answered(frames, encoded, cat_photo):
    for file in (b"hello", b"", cat_photo.read_bytes()[:3000]):
        with pytest.raises(InputError, match=r"not a picture|is empty|damaged or cut short"):
            frames.answer(1, file)
    assert frames.answer(2, cat_photo.read_bytes()).number == 2


def test_a_colour_that_is_none_is_refused(frames, encoded):
    frames.choose(LiveSettings(effect="cutout", color="mint"))
    with pytest.raises(InputError, match="mint"):
        frames.answer(1, encoded(halves(BRIGHT, DARK)))


def test_a_backend_that_cannot_run_here_says_why_and_another_one_answers(lanes_without_torch, encoded):
    frames = LiveFrames(lanes_without_torch)
    frames.choose(LiveSettings(("torch",)))
    with pytest.raises(BackendUnavailableError, match="needs a package that is missing"):
        frames.answer(1, encoded(halves(BRIGHT, DARK)))
    frames.choose(LiveSettings(("openvino-fp32",)))
    assert frames.answer(2, encoded(halves(BRIGHT, DARK))).number == 2


def test_a_runtime_that_fails_is_told(spec, encoded):
    frames = LiveFrames(Lanes(spec, lambda name: Segmenter(spec, FakeBackend(failure=OSError("no memory")))))
    with pytest.raises(InferenceError, match="no memory"):
        frames.answer(1, encoded(halves(BRIGHT, DARK)))
