"""One contract for every runtime, the fake included; and that they agree with each other."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from engine.backends import BACKENDS, open_backend
from engine.backends.base import Backend
from engine.backends.fake import FakeBackend
from engine.dataset import read_split
from engine.errors import InferenceError, InputError
from engine.evaluate import spread
from engine.segmenter import Segmenter
from engine.spec import Model

EXACT = ["torch", "torchscript", "openvino-fp32", "onnxruntime"]
SIZE = Model.open("fastsegnet").spec.size_hw
# Two calls of one backend may add up in another order; more than that is a mistake.
ROUNDING = 1e-4


@pytest.fixture(params=[*EXACT, "openvino-int8", "fake"])
def backend(request, segmenter_on) -> Backend:
    return segmenter_on(request.param).backend


@pytest.fixture
def pets(drawn_pet) -> np.ndarray:
    """Eight drawn pets, cats and dogs in turn: uint8 (8, H, W, 3)."""
    return np.stack([drawn_pet(seed, SIZE, species)[0] for seed, species in enumerate(["cat", "dog"] * 4)])


def agreement(one: Segmenter, other: Segmenter, photos: list) -> float:
    """Share of all pixels that two segmenters give the same class."""
    masks = [(one.predict(photo).mask, other.predict(photo).mask) for photo in photos]
    return sum(np.count_nonzero(a == b) for a, b in masks) / sum(a.size for a, _ in masks)


def test_every_backend_of_the_registry_runs_the_contract():
    assert {*EXACT, "openvino-int8"} == set(BACKENDS)


@pytest.mark.parametrize("count", [1, 3])
def test_logits_have_the_shape_and_type_of_the_contract(backend, pets, count):
    logits = backend.infer(pets[:count])
    assert logits.dtype == np.float32
    assert logits.shape == (count, 4, *SIZE)
    assert np.isfinite(logits).all()


def test_a_batch_of_three_equals_three_batches_of_one(backend, pets):
    one_by_one = np.concatenate([backend.infer(pets[i : i + 1]) for i in range(3)])
    np.testing.assert_allclose(backend.infer(pets[:3]), one_by_one, atol=ROUNDING)
    assert not np.allclose(one_by_one[0], one_by_one[1], atol=0.01)


@pytest.mark.parametrize("count", [1, 2])
def test_logits_are_the_callers_own(backend, pets, count):
    first = backend.infer(pets[:count])
    kept = first.copy()
    for _ in range(8):  # more often than OpenVINO has requests
        backend.infer(pets[2 : 2 + count])
    np.testing.assert_array_equal(first, kept)
    first[:] = 7
    np.testing.assert_allclose(backend.infer(pets[:count]), kept, atol=ROUNDING)


def test_the_batch_is_left_as_it_was(backend, pets):
    before = pets[:1].copy()
    backend.infer(pets[:1])
    np.testing.assert_array_equal(pets[:1], before)


def test_eight_threads_at_once_get_the_answer_of_one(backend, pets):
    expected = [backend.infer(pet[None]) for pet in pets]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(backend.infer, [pet[None] for pet in pets] * 2))
    for answer, right in zip(answers, expected * 2, strict=True):
        np.testing.assert_allclose(answer, right, atol=ROUNDING)


def test_a_read_only_batch_is_accepted_without_a_warning(backend, pets):
    batch = pets[:1]
    batch.flags.writeable = False
    assert backend.infer(batch).shape == (1, 4, *SIZE)  # a warning would be an error here


def test_a_backend_describes_what_runs(backend):
    info = backend.describe()
    assert all((info.runtime, info.version, info.device, info.precision))
    assert info.threads >= 1


def test_int8_says_that_it_executes_int8(segmenter_on):
    assert segmenter_on("openvino-int8").describe().precision.startswith("INT8")
    assert segmenter_on("openvino-fp32").describe().precision == "FP32"


@pytest.mark.parametrize("name", EXACT[1:])
def test_backends_of_the_same_weights_agree_on_the_logits(segmenter_on, pets, name):
    reference = segmenter_on("torch").backend.infer(pets)
    assert np.abs(segmenter_on(name).backend.infer(pets) - reference).max() < 1e-3


def test_int8_agrees_with_fp32_on_drawn_pets(segmenter_on, drawn_pet):
    photos = [drawn_pet(seed, (240, 320), species)[0] for seed, species in enumerate(["cat", "dog"] * 6)]
    assert agreement(segmenter_on("openvino-fp32"), segmenter_on("openvino-int8"), photos) >= 0.98


def test_int8_agrees_with_fp32_on_real_pets(segmenter_on, pets_root):
    photos = [pet.photo for pet in spread(read_split(pets_root, "test"), 24)]
    assert agreement(segmenter_on("openvino-fp32"), segmenter_on("openvino-int8"), photos) >= 0.98


def test_backends_of_the_same_weights_agree_on_a_real_pet(segmenter_on, pets_root):
    photo = read_split(pets_root, "test")[0].photo
    reference = segmenter_on("torch").predict(photo).logits
    for name in EXACT[1:]:
        assert np.abs(segmenter_on(name).predict(photo).logits - reference).max() < 1e-3


def test_an_unknown_backend_lists_the_known_ones(model):
    with pytest.raises(InputError, match=r"There is no backend 'tensorflow'. Known: .*openvino-int8.*torchscript"):
        open_backend("tensorflow", model)


@pytest.mark.parametrize("name", [*EXACT, "openvino-int8"])
def test_a_runtime_that_fails_says_so_with_the_cause(segmenter_on, name):
    with pytest.raises(InferenceError, match=r"failed on a batch \(1, 8, 8, 5\)") as caught:
        segmenter_on(name).backend.infer(np.zeros((1, 8, 8, 5), np.uint8))
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("name", [*EXACT, "openvino-int8"])
def test_a_backend_works_on_after_a_failure(segmenter_on, pets, name):
    backend = segmenter_on(name).backend
    for _ in range(8):
        with pytest.raises(InferenceError):
            backend.infer(np.zeros((1, 8, 8, 5), np.uint8))
    assert backend.infer(pets[:1]).shape == (1, 4, *SIZE)


def test_the_fake_fails_on_demand_with_the_cause():
    failure = RuntimeError("out of memory")
    with pytest.raises(InferenceError, match="out of memory") as caught:
        FakeBackend(failure).infer(np.zeros((1, 2, 2, 3), np.uint8))
    assert caught.value.__cause__ is failure


def test_the_fake_answers_by_brightness():
    # Mean 176: cat (176 - 128) / 16 = 3; blue less red 96: dog 3 + 96 / 16 = 9.
    logits = FakeBackend().infer(np.full((1, 1, 1, 3), (128, 176, 224), np.uint8))
    assert logits[0, :, 0, 0].tolist() == [0, 3, 9, -10]
