"""Frames in, steady segmentations out, in order."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from engine.backends.fake import FakeBackend
from engine.errors import InferenceError
from engine.segmenter import FOUND, NOTHING, UNSURE, Segmenter
from engine.spec import Finding, ModelSpec
from engine.video.segmenter import SegmentedFrame, SizedFrame, VideoSegmenter


@pytest.fixture
def spec(model) -> ModelSpec:
    return model.spec


def frame(level: int, size_hw: tuple[int, int] = (48, 64)) -> np.ndarray:
    return np.full((*size_hw, 3), level, np.uint8)


@pytest.fixture
def choosy(spec) -> Segmenter:
    """Finds a pet from a confidence of 0.85 on, and perhaps one from 0.65 on."""
    return Segmenter(replace(spec, finding=Finding(found=0.85, unsure=0.65)), FakeBackend())


class SlowestFirst(FakeBackend):
    """Answers the first frame only after the second, where two may be in the network at once."""

    def __init__(self) -> None:
        super().__init__()
        self.second_is_done = threading.Event()
        self.calls = 0
        self.lock = threading.Lock()

    def infer(self, batch: np.ndarray) -> np.ndarray:
        with self.lock:
            self.calls += 1
            is_first = self.calls == 1
        if is_first:
            assert self.second_is_done.wait(10), "the second frame never came"
        logits = super().infer(batch)
        self.second_is_done.set()
        return logits


def test_a_frame_has_the_mask_that_the_segmenter_gives_a_photo(spec, drawn_pet):
    image, _ = drawn_pet(size_hw=(240, 320))
    segmenter = Segmenter(spec, FakeBackend())
    seen = VideoSegmenter(segmenter).step(image)
    assert seen.mask.shape == image.shape[:2]
    assert (seen.mask == segmenter.predict(image).mask).mean() > 0.999
    assert seen.probabilities.shape == (len(spec.classes), *spec.size_hw)
    assert seen.probabilities.sum(axis=0) == pytest.approx(np.ones(spec.size_hw), abs=1e-5)
    assert set(seen.timings) == {"preprocess", "infer", "smooth"}


def test_frames_come_back_in_order_whichever_is_ready_first(spec):
    video = VideoSegmenter(Segmenter(spec, SlowestFirst()), smoothing=0)
    levels = [10, 60, 110, 160, 210]
    seen = list(video.stream([frame(level) for level in levels], at_once=2))
    assert [int(each.image[0, 0, 0]) for each in seen] == levels


def test_a_stream_says_the_same_as_one_step_after_another(spec):
    rng = np.random.default_rng(0)
    images = [rng.integers(90, 110, (48, 64, 3), np.uint8) for _ in range(6)]
    segmenter = Segmenter(spec, FakeBackend())
    one = VideoSegmenter(segmenter)
    stepped = [one.step(image).probabilities for image in images]
    streamed = [each.probabilities for each in VideoSegmenter(segmenter).stream(images, at_once=3)]
    assert all(np.array_equal(a, b) for a, b in zip(stepped, streamed, strict=True))


def test_a_stream_pulls_only_as_many_frames_ahead_as_it_may(spec):
    pulled = 0

    def images():
        nonlocal pulled
        for _ in range(50):
            pulled += 1
            yield frame(100)

    stream = VideoSegmenter(Segmenter(spec, FakeBackend())).stream(images(), at_once=2)
    next(stream)
    assert pulled == 3  # the one that is answered and two on their way
    stream.close()
    assert pulled == 3


def test_a_stream_that_is_left_early_leaves_no_thread_behind(spec):
    stream = VideoSegmenter(Segmenter(spec, FakeBackend())).stream((frame(100) for _ in range(50)), at_once=2)
    next(stream)
    stream.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("frames")]


def test_a_cut_is_told_and_the_past_has_no_share_in_what_follows(spec):
    video = VideoSegmenter(Segmenter(spec, FakeBackend()), smoothing=0.9)
    video.step(frame(30))
    bright = video.step(frame(230))
    assert bright.is_cut
    alone = VideoSegmenter(Segmenter(spec, FakeBackend())).step(frame(230))
    assert np.array_equal(bright.probabilities, alone.probabilities)


def test_reset_forgets_the_frames_before(spec):
    video = VideoSegmenter(Segmenter(spec, FakeBackend()), smoothing=0.9)
    video.step(frame(100))
    video.reset()
    alone = VideoSegmenter(Segmenter(spec, FakeBackend())).step(frame(102))
    assert np.array_equal(video.step(frame(102)).probabilities, alone.probabilities)


def test_the_failure_of_a_runtime_comes_through_a_stream(spec):
    class Failing(FakeBackend):
        def infer(self, batch: np.ndarray) -> np.ndarray:
            raise InferenceError("The runtime failed.")

    with pytest.raises(InferenceError, match="The runtime failed"):
        list(VideoSegmenter(Segmenter(spec, Failing())).stream([frame(1)]))


def test_labels_and_areas_say_what_the_mask_says(spec, drawn_pet):
    image, _ = drawn_pet(size_hw=spec.size_hw, species="dog")
    seen = VideoSegmenter(Segmenter(spec, FakeBackend())).step(image)
    assert np.array_equal(seen.labels, seen.mask)  # the frame has the model's size
    assert seen.areas["dog"] == pytest.approx((seen.mask == 2).mean())
    assert seen.areas["dog"] > 0.2


def test_the_label_of_a_pixel_follows_the_rule_of_a_photo(spec):
    # Columns: background, cat, dog and border of one pixel each.
    probabilities = np.array(
        [[0.4, 0.2, 0.3, 0.1], [0.5, 0.5, 0.0, 0.0], [0.25, 0.2, 0.1, 0.45], [0.35, 0.2, 0.1, 0.35]], np.float32
    ).T[:, None]
    seen = SegmentedFrame(frame(0), probabilities, FOUND, False, {}, spec)
    assert seen.labels.tolist() == [[2, 0, 1, 0]]
    assert seen.areas == pytest.approx({"cat": 1 / 4, "dog": 1 / 4})


# Levels of grey, see test_segmenter.py: the confidence is 0.52 at 118, 0.744 at 134, 0.94 at 160.
@pytest.mark.parametrize(("level", "found"), [(118, NOTHING), (134, UNSURE), (160, FOUND)])
def test_a_frame_says_whether_a_pet_is_found_and_shows_nothing_where_none_is(choosy, level, found):
    seen = VideoSegmenter(choosy).step(frame(level))
    assert seen.found == found
    assert seen.labels.any() == seen.mask.any() == (found != NOTHING)
    assert seen.areas == {"cat": float(found != NOTHING), "dog": 0.0}
    if found == NOTHING:
        assert (seen.probabilities[0] == 1).all()


def test_one_unsure_frame_does_not_change_what_is_found(choosy):
    # 0.937 and then once, at 126, 0.638: 0.8 x 0.937 + 0.2 x 0.638 = 0.877, above 0.85. 34 levels less are no cut.
    video = VideoSegmenter(choosy, smoothing=0)
    found = [video.step(frame(level)).found for level in (160, 160, 126, 160)]
    assert found == [FOUND] * 4


def test_a_pet_that_is_gone_is_perhaps_there_and_then_not_and_nothing_is_drawn_again(choosy):
    # 0.517 + 0.383 x 0.8 ** n after n frames of 118: 0.824 and so on to 0.673 after four, 0.643 after five.
    video = VideoSegmenter(choosy, smoothing=0)
    states = [video.step(frame(level)).found for level in (152, *[118] * 8)]
    assert states == [FOUND] + [UNSURE] * 4 + [NOTHING] * 4


def test_a_cut_is_believed_at_once(choosy):
    video = VideoSegmenter(choosy)
    assert video.step(frame(250)).found == FOUND
    assert video.step(frame(20)).found == NOTHING
    assert video.step(frame(250)).found == FOUND


def test_after_a_reset_the_confidence_begins_anew(choosy):
    video = VideoSegmenter(choosy, smoothing=0)
    video.step(frame(152))
    video.reset()
    assert video.step(frame(118)).found == NOTHING


def test_a_pet_of_a_frame_has_one_species(spec):
    # Grey on the left, cat and dog alike; bluish on the right, a dog: one region, so all of it is the dog.
    image = frame(200, spec.size_hw)
    image[:, spec.size_hw[1] // 2 :] = (150, 200, 250)
    seen = VideoSegmenter(Segmenter(spec, FakeBackend())).step(image)
    assert seen.areas == {"cat": 0.0, "dog": 1.0}


def test_a_frame_that_comes_in_the_models_size_is_not_resized(spec, drawn_pet):
    image, _ = drawn_pet(size_hw=(240, 320))
    black = np.zeros((*spec.size_hw, 3), np.uint8)
    (seen,) = VideoSegmenter(Segmenter(spec, FakeBackend())).stream([SizedFrame(image, black)])
    assert seen.image is image
    assert seen.timings["preprocess"] == 0
    assert not seen.mask.any()  # the network saw the black one
    assert seen.mask.shape == (240, 320)
