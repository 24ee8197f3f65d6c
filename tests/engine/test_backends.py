"""One contract for every runtime, the fake included; and that they agree with each other."""

import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from engine.backends import (
    BACKENDS,
    PROFILED,
    BackendOptions,
    import_runtime,
    known,
    open_backend,
    torch_bf16,
    torch_compile,
)
from engine.backends import openvino as openvino_runtime
from engine.backends.base import Backend
from engine.backends.fake import FakeBackend
from engine.backends.openvino import parallelism, precision_name
from engine.backends.torch_compile import pad_to
from engine.dataset import read_split
from engine.errors import ArtefactError, BackendUnavailableError, InferenceError, InputError
from engine.evaluate import spread
from engine.machine import instruction_sets
from engine.segmenter import Segmenter
from engine.spec import Model

# PyTorch takes seconds to open, and half a minute to compile.
EAGER, SCRIPT = (pytest.param(name, marks=pytest.mark.slow) for name in ("torch", "torchscript"))
COMPILED = pytest.param(
    "torch-compile",
    marks=[
        pytest.mark.slow,
        pytest.mark.skipif(
            not any(shutil.which(compiler) for compiler in torch_compile.COMPILERS),
            reason="no C++ compiler is installed",
        ),
    ],
)
BF16 = pytest.param(
    "torch-bf16",
    marks=[
        pytest.mark.slow,
        pytest.mark.skipif(
            not set(torch_bf16.NEEDED) & set(instruction_sets()), reason="this CPU has no bfloat16 arithmetic"
        ),
    ],
)
EXACT = [EAGER, SCRIPT, "openvino-fp32", "onnxruntime", COMPILED]
REAL = [*EXACT, "openvino-int8", BF16]
SIZE = Model.open("fastsegnet").spec.size_hw
# Two calls of one backend may add up in another order; more than that is a mistake.
ROUNDING = 1e-4


@pytest.fixture(params=[*REAL, "fake"])
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
    assert {name if isinstance(name, str) else name.values[0] for name in REAL} == set(BACKENDS)


@pytest.mark.parametrize("count", [1, 3])
def test_logits_have_the_shape_and_type_of_the_contract(backend, pets, count):
    logits = backend.infer(pets[:count])
    assert logits.dtype == np.float32
    assert logits.shape == (count, 4, *SIZE)
    assert np.isfinite(logits).all()


def test_a_batch_of_three_equals_three_batches_of_one(backend, pets):
    one_by_one = np.concatenate([backend.infer(pets[i : i + 1]) for i in range(3)])
    # The largest logits lie between 8 and 16, where a step of bfloat16 is 1/16; two may be added.
    rounding = 2 / 16 if "BF16" in backend.describe().precision.upper() else ROUNDING
    np.testing.assert_allclose(backend.infer(pets[:3]), one_by_one, atol=rounding)
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


@pytest.mark.parametrize(
    ("precision", "primitive", "name"),
    [
        ("f16", "brgconv_avx512_1x1_f32", "FP32"),  # weights of 16 bits, widened before the arithmetic
        ("f16", "brgconv_avx512_core_fp16_f16", "FP16"),
        ("f32", "undef_f32", "FP32"),
        ("u8", "jit_avx512_I8", "INT8"),
        ("bf16", "brgconv_avx512_bf16", "BF16"),
        ("f64", "ref_any", "f64"),
    ],
)
def test_a_precision_is_that_of_the_arithmetic(precision, primitive, name):
    assert precision_name(precision, primitive) == name


def test_a_model_whose_weights_have_16_bits_executes_fp32():
    segmenter = Segmenter.open("fastsegnet-large", backend="openvino-fp32")
    assert segmenter.describe().precision == "FP32"


@pytest.mark.slow
@pytest.mark.parametrize("name", EXACT[1:])
def test_backends_of_the_same_weights_agree_on_the_logits(segmenter_on, pets, name):
    reference = segmenter_on("torch").backend.infer(pets)
    assert np.abs(segmenter_on(name).backend.infer(pets) - reference).max() < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("name", ["openvino-int8", BF16])
def test_fewer_bits_agree_with_fp32_on_drawn_pets(segmenter_on, drawn_pet, name):
    photos = [drawn_pet(seed, (240, 320), species)[0] for seed, species in enumerate(["cat", "dog"] * 6)]
    assert agreement(segmenter_on("openvino-fp32"), segmenter_on(name), photos) >= 0.98


@pytest.mark.slow
@pytest.mark.parametrize("name", ["openvino-int8", BF16])
def test_fewer_bits_agree_with_fp32_on_real_pets(segmenter_on, pets_root, name):
    photos = [pet.photo for pet in spread(read_split(pets_root, "test"), 24)]
    assert agreement(segmenter_on("openvino-fp32"), segmenter_on(name), photos) >= 0.98


@pytest.mark.slow
@pytest.mark.parametrize("name", EXACT[1:])
def test_backends_of_the_same_weights_agree_on_a_real_pet(segmenter_on, pets_root, name):
    photo = read_split(pets_root, "test")[0].photo
    reference = segmenter_on("torch").predict(photo).logits
    assert np.abs(segmenter_on(name).predict(photo).logits - reference).max() < 1e-3


def test_an_unknown_backend_lists_the_known_ones(model):
    with pytest.raises(InputError, match=r"There is no backend 'tensorflow'. Known: .*openvino-int8.*torchscript"):
        open_backend("tensorflow", model)


@pytest.mark.parametrize("name", REAL)
def test_a_runtime_that_fails_says_so_with_the_cause(segmenter_on, name):
    with pytest.raises(InferenceError, match=r"failed on a batch \(1, 8, 8, 5\)") as caught:
        segmenter_on(name).backend.infer(np.zeros((1, 8, 8, 5), np.uint8))
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("name", REAL)
def test_a_backend_works_on_after_a_failure(segmenter_on, pets, name):
    backend = segmenter_on(name).backend
    for _ in range(8):
        with pytest.raises(InferenceError):
            backend.infer(np.zeros((1, 8, 8, 5), np.uint8))
    assert backend.infer(pets[:1]).shape == (1, 4, *SIZE)


@pytest.mark.slow
def test_a_cpu_without_bfloat16_is_refused_it(model, monkeypatch):
    monkeypatch.setattr(torch_bf16, "instruction_sets", lambda: ["AVX2", "AVX-512 VNNI"])
    words = "torch-bf16 needs a CPU with bfloat16 arithmetic .* Choose torch"
    with pytest.raises(BackendUnavailableError, match=words):
        open_backend("torch-bf16", model)


@pytest.mark.parametrize("name", [BF16])
def test_bfloat16_is_said_to_be_bfloat16(segmenter_on, name):
    assert segmenter_on(name).describe().precision == "BF16 (convolutions), FP32"


@pytest.mark.slow
def test_compiling_without_a_compiler_is_refused(model, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    words = r"torch-compile needs a C\+\+ compiler at run time; none of g\+\+, clang\+\+, c\+\+ was found. Install one"
    with pytest.raises(BackendUnavailableError, match=words):
        open_backend("torch-compile", model)


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2, 3])
def test_compiled_for_a_batch_it_answers_as_many_pictures_as_came(segmenter_on, model, pets, monkeypatch, count):
    monkeypatch.setattr(torch, "compile", lambda module, dynamic: module)  # takes half a minute for each size
    monkeypatch.setattr(torch_compile, "COMPILERS", ("python3", "python", "sh"))
    logits = open_backend("torch-compile", model, BackendOptions(batch=2)).infer(pets[:count])
    np.testing.assert_allclose(logits, segmenter_on("torch").backend.infer(pets[:count]), atol=ROUNDING)


def test_a_part_that_is_too_small_is_filled_with_black_pictures():
    part = torch.full((2, 4, 4, 3), 7, dtype=torch.uint8)
    padded = pad_to(part, 3)
    assert padded.dtype == torch.uint8
    assert torch.equal(padded[:2], part)
    assert padded[2].count_nonzero() == 0
    assert pad_to(part, 2) is part


@pytest.mark.slow
@pytest.mark.parametrize("name", ["openvino-fp32", "openvino-int8"])
def test_openvino_answers_the_same_whatever_its_threads_requests_and_batch(segmenter_on, model, pets, name):
    configured = open_backend(name, model, BackendOptions(threads=1, requests=2, batch=2))
    assert configured.describe().precision == segmenter_on(name).describe().precision
    for count in (1, 2, 3):  # half a batch, a whole one, one and a half
        logits = configured.infer(pets[:count])
        assert logits.shape == (count, 4, *SIZE)
        np.testing.assert_allclose(logits, segmenter_on(name).backend.infer(pets[:count]), atol=ROUNDING)


def test_threads_are_what_was_asked_for(model):
    for name in ("openvino-fp32", "onnxruntime"):
        assert open_backend(name, model, BackendOptions(threads=1)).describe().threads == 1


@pytest.mark.slow
def test_pytorch_takes_the_threads_that_were_asked_for(model, pets):
    before = torch.get_num_threads()
    try:
        backend = open_backend("torch", model, BackendOptions(threads=before + 1))
        assert backend.describe().threads == before + 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (BackendOptions(), {}),  # left to the hint of latency
        (BackendOptions(threads=2), {"NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": 2}),
        (BackendOptions(threads=2, requests=2), {"NUM_STREAMS": 2, "INFERENCE_NUM_THREADS": 4}),
        # Four cores hold two streams of two threads; the third request waits in line.
        (BackendOptions(threads=2, requests=3), {"NUM_STREAMS": 2, "INFERENCE_NUM_THREADS": 4}),
        (BackendOptions(threads=8, requests=2), {"NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": 8}),
        (BackendOptions(requests=8), {"NUM_STREAMS": 4, "INFERENCE_NUM_THREADS": 4}),
    ],
)
def test_each_request_gets_a_stream_as_far_as_the_cores_reach(monkeypatch, options, expected):
    monkeypatch.setattr(openvino_runtime, "usable_cores", lambda: 4)
    assert parallelism(options) == expected


def test_a_known_backend_is_its_name_and_those_of_openvino_can_be_profiled():
    assert known("torch") == "torch"
    assert PROFILED == ("openvino-fp32", "openvino-int8")


def test_a_runtime_whose_package_is_missing_is_unavailable(monkeypatch):
    monkeypatch.setitem(BACKENDS, "missing", ("engine.backends.missing", "torch.pt2"))
    words = r"The backend missing needs a package that is missing \(No module named 'engine.backends.missing'\)"
    with pytest.raises(BackendUnavailableError, match=words):
        import_runtime("missing")


def test_an_artefact_that_the_runtime_cannot_read_names_the_command_that_makes_it(model, monkeypatch):
    monkeypatch.setitem(BACKENDS, "mistaken", ("engine.backends.onnxruntime", "openvino-fp32.xml"))
    with pytest.raises(
        ArtefactError, match=r"The backend mistaken cannot read .*\.xml .* Make it with `python -m train"
    ):
        open_backend("mistaken", model)


def test_the_fake_fails_on_demand_with_the_cause():
    failure = RuntimeError("out of memory")
    with pytest.raises(InferenceError, match="out of memory") as caught:
        FakeBackend(failure).infer(np.zeros((1, 2, 2, 3), np.uint8))
    assert caught.value.__cause__ is failure


def test_the_fake_answers_by_brightness():
    # Mean 176: cat (176 - 128) / 16 = 3; blue less red 96: dog 3 + 96 / 16 = 9.
    logits = FakeBackend().infer(np.full((1, 1, 1, 3), (128, 176, 224), np.uint8))
    assert logits[0, :, 0, 0].tolist() == [0, 3, 9, -10]
