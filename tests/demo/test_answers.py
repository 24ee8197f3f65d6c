"""Each photo is read once and segmented once by each backend, however many ask and however often."""

import os
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from demo import answers as module
from demo.answers import Answers, Photo, identity
from demo.drawing import MAX_SIDE
from demo.lanes import Lanes
from demo.touch_up import save_strokes
from engine.backends.fake import FakeBackend
from engine.edge_fit import NOT_PET, PET
from engine.errors import InferenceError, InputError
from engine.segmenter import Segmenter

SOON = 20  # seconds within which a thread that may go on does
INT8, FP32 = "openvino-int8", "openvino-fp32"


class CountingBackend(FakeBackend):
    """Counts its calls; waits in each while `may_answer` is not set."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.is_asked, self.may_answer = threading.Event(), threading.Event()
        self.may_answer.set()

    def infer(self, batch: np.ndarray) -> np.ndarray:
        self.calls += 1
        self.is_asked.set()
        assert self.may_answer.wait(SOON)
        return super().infer(batch)


@pytest.fixture
def backends() -> dict[str, CountingBackend]:
    return {INT8: CountingBackend(), FP32: CountingBackend()}


@pytest.fixture
def lanes(spec, backends) -> Lanes:
    return Lanes(spec, lambda name: Segmenter(spec, backends[name]), tuple(backends))


@pytest.fixture
def answers(lanes) -> Answers:
    return Answers(lanes)


@pytest.fixture
def read(monkeypatch) -> list[str]:
    """The names of the files that are read, each time one is."""
    names: list[str] = []
    read_picture = module.read_picture

    def note(path: Path, *args: object, **kwargs: object) -> object:
        names.append(path.name)
        return read_picture(path, *args, **kwargs)

    monkeypatch.setattr(module, "read_picture", note)
    return names


def together(count: int, ask: Callable[[], object]) -> list[object]:
    """What many threads get that ask at the same moment; an error is what one gets, too."""
    gate = threading.Barrier(count)

    def go(_: int) -> object:
        gate.wait(SOON)
        try:
            return ask()
        except Exception as error:
            return error

    with ThreadPoolExecutor(count) as people:
        return list(people.map(go, range(count)))


def test_many_who_ask_at_once_get_one_answer_that_was_computed_once(answers, backends, read, half_photo):
    seen = together(16, lambda: answers.see(half_photo, INT8))
    assert len(set(map(id, seen))) == 1
    assert (backends[INT8].calls, read) == (1, ["half.png"])


def test_a_photo_is_read_once_for_all_backends(answers, backends, read, half_photo):
    one, other = answers.see(half_photo, INT8), answers.see(half_photo, FP32)
    assert one.photo is other.photo
    assert (one.backend, other.backend) == (INT8, FP32)
    assert (backends[INT8].calls, backends[FP32].calls, read) == (1, 1, ["half.png"])


def test_what_is_made_of_an_answer_is_made_once(answers, monkeypatch, half_photo):
    made: list[str] = []
    for name in ("opacity", "instances_of"):
        real = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *args, name=name, real=real: made.append(name) or real(*args))
    seen = answers.see(half_photo, INT8)
    alphas = together(8, lambda: seen.alpha)
    instances = together(8, lambda: seen.instances)
    assert sorted(made) == ["instances_of", "opacity"]
    assert all(each is alphas[0] for each in alphas)
    assert all(each is instances[0] for each in instances)
    assert seen.alpha.shape == (60, 80)
    assert (seen.alpha[30, 5], seen.alpha[30, 75]) == (255, 0)
    assert len(seen.instances) == 1
    np.testing.assert_allclose(seen.probabilities.sum(axis=0), 1, rtol=1e-5)


def test_photos_do_not_wait_for_one_another(answers, backends, half_photo, wall_photo):
    backends[FP32].may_answer.clear()
    with ThreadPoolExecutor(2) as people:
        slow = people.submit(answers.see, half_photo, FP32)
        assert backends[FP32].is_asked.wait(SOON)
        assert not people.submit(answers.see, wall_photo, INT8).result(SOON).has_pet
        assert not slow.done()
        backends[FP32].may_answer.set()
        assert slow.result(SOON).has_pet


def test_a_backend_that_failed_is_asked_again(answers, backends, half_photo):
    backends[INT8].failure = RuntimeError("out of memory")
    with pytest.raises(InferenceError, match="out of memory"):
        answers.see(half_photo, INT8)
    backends[INT8].failure = None
    assert answers.see(half_photo, INT8).has_pet


def test_all_who_wait_for_a_failure_are_told_the_same(answers, backends, half_photo):
    backends[INT8].failure = RuntimeError("out of memory")
    told = together(8, lambda: answers.see(half_photo, INT8))
    assert {str(error) for error in told} == {"The fake backend failed (out of memory)."}


def test_a_file_that_could_not_be_read_is_read_again(answers, tmp_path, half_photo):
    path = tmp_path / "cat.png"
    path.write_text("not a picture")
    with pytest.raises(InputError, match=r"cat\.png is not a picture we can read"):
        answers.see(str(path), INT8)
    shutil.copy(half_photo, path)
    assert answers.see(str(path), INT8).has_pet


def test_a_replaced_file_is_another_photo(answers, backends, half_photo, wall_photo):
    assert answers.see(half_photo, INT8).has_pet
    shutil.copy(wall_photo, half_photo)
    assert not answers.see(half_photo, INT8).has_pet
    assert backends[INT8].calls == 2


def test_a_file_is_told_from_another_by_its_path_its_time_and_its_size(half_photo, wall_photo):
    path = Path(half_photo)
    before = identity(path)
    assert identity(path) == before != identity(Path(wall_photo))
    os.utime(path, ns=(0, 0))
    assert identity(path) != before
    path.unlink()
    assert identity(path) == (path, None)


@pytest.fixture
def photos(saved) -> list[str]:
    """Three of 100 x 100 px: 0.01 megapixels each."""
    return [saved(np.full((100, 100, 3), shade, np.uint8), f"{shade}.png") for shade in (10, 20, 30)]


def test_the_photos_that_were_not_asked_for_longest_are_dropped(lanes, backends, photos):
    answers = Answers(lanes, max_megapixels=0.025)  # room for two
    first, second, third = photos
    for photo in (first, second, first, third):  # the second was not asked for longest
        answers.see(photo, INT8)
    assert backends[INT8].calls == 3
    answers.see(first, INT8)
    answers.see(third, INT8)
    assert backends[INT8].calls == 3
    answers.see(second, INT8)
    assert backends[INT8].calls == 4


def test_the_last_photo_is_kept_however_large_it_is(lanes, backends, photos):
    answers = Answers(lanes, max_megapixels=0.001)
    for _ in range(3):
        answers.see(photos[0], INT8)
        answers.see(photos[0], FP32)
    assert (backends[INT8].calls, backends[FP32].calls) == (1, 1)
    answers.see(photos[1], INT8)
    answers.see(photos[0], INT8)
    assert backends[INT8].calls == 3


def strokes(folder: Path, kind: int) -> str:
    """Strokes over the upper half of a photo."""
    drawn = np.zeros((60, 80), np.uint8)
    drawn[:30] = kind
    folder.mkdir(exist_ok=True)
    return save_strokes(drawn, folder)


def test_what_was_touched_up_is_kept_by_its_strokes(answers, backends, half_photo, tmp_path):
    more, less = strokes(tmp_path / "more", PET), strokes(tmp_path / "less", NOT_PET)
    untouched = answers.see(half_photo, INT8)
    with_more, with_less = answers.see(half_photo, INT8, more), answers.see(half_photo, INT8, less)
    assert answers.see(half_photo, INT8) is untouched
    assert answers.see(half_photo, INT8, more) is with_more
    assert backends[INT8].calls == 1
    # All of it is the left half; with the upper half added three quarters, without it a quarter.
    areas = [seen.segmentation.areas["cat"] for seen in (untouched, with_more, with_less)]
    assert areas == pytest.approx([0.5, 0.75, 0.25], abs=0.08)


def test_what_was_touched_up_is_computed_once(answers, monkeypatch, half_photo, tmp_path):
    made: list[int] = []
    touch_up = module.touch_up
    monkeypatch.setattr(module, "touch_up", lambda *args: made.append(1) or touch_up(*args))
    path = strokes(tmp_path, PET)
    seen = together(8, lambda: answers.see(half_photo, INT8, path))
    assert len(set(map(id, seen))) == 1
    assert made == [1]


def test_strokes_that_were_written_anew_are_others(answers, half_photo, tmp_path):
    path = strokes(tmp_path / "strokes", PET)
    with_more = answers.see(half_photo, INT8, path)
    os.utime(strokes(tmp_path / "strokes", NOT_PET), ns=(0, 0))
    with_less = answers.see(half_photo, INT8, path)
    assert with_less.segmentation.areas["cat"] < with_more.segmentation.areas["cat"]


def test_without_a_photo_one_is_asked_for(answers):
    with pytest.raises(InputError, match=r"There is no photo yet\. Drop one in first\."):
        answers.see(None, INT8)


def test_an_unknown_backend_is_refused_with_the_known_ones(answers, half_photo):
    with pytest.raises(InputError, match=r"There is no backend 'tpu' here\. Choose one of: openvino-int8"):
        answers.see(half_photo, "tpu")


def test_a_large_photo_is_read_small_shown_smaller_and_had_whole(tmp_path, spec):
    path = tmp_path / "large.jpg"
    Image.new("RGB", (4400, 2200), (200, 180, 160)).save(path)
    photo = Photo(path, spec.size_hw)
    assert photo.size_hw == (2200, 4400)
    assert photo.megapixels == pytest.approx(9.68)
    assert photo.needed.image.shape[0] < 2200
    assert photo.small.shape == (MAX_SIDE // 2, MAX_SIDE, 3)
    assert photo.image.shape == (2200, 4400, 3)
    assert photo.small is photo.small
    assert photo.image is photo.image


def test_a_small_photo_is_read_once(read, spec, half_photo):
    photo = Photo(Path(half_photo), spec.size_hw)
    assert photo.image.shape == photo.small.shape == (60, 80, 3)
    assert read == ["half.png"]
