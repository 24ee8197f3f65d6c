"""Every rule by a result made by hand: what it says, and that it is silent where it has nothing to say."""

from collections.abc import Mapping

import pytest

from engine.advice import (
    RULES,
    advise,
    allocator,
    around_the_network,
    compiling,
    dearest_layer,
    float_layers,
    instruction_sets,
    limit,
    noise,
    quantization,
)
from engine.backends import FP32_BACKEND as FP32
from engine.backends import INT8_BACKEND as INT8


def backend(preprocess: float = 1.0, infer: float = 8.0, postprocess: float = 1.0, **fields: object) -> dict:
    """A backend's entry; its latency is the sum of its stages, milliseconds."""
    stages = {"preprocess": preprocess, "infer": infer, "postprocess": postprocess}
    return {"latency_ms": {"median": sum(stages.values())}, "stages_ms": stages, **fields}


def ratio(median: float = 2.0, verdict: str = "faster") -> dict:
    return {"median": median, "ci95": [median - 0.1, median + 0.1], "verdict": verdict}


def result(
    backends: Mapping | None = None, ratios: Mapping | None = None, machine: Mapping | None = None, **more: object
) -> dict:
    """A benchmark of a quiet machine with VNNI; where nothing is given, of no backend at all."""
    quiet = {"other_load": 0.02, "instruction_sets": ["AVX-512 VNNI"], "allocator": "glibc malloc"}
    return {"machine": {**quiet, **(machine or {})}, "backends": backends or {}, "ratios": ratios or {}, **more}


def test_others_at_work_are_a_reason_to_measure_again():
    text = noise(result(machine={"other_load": 0.34}))
    assert text.startswith("Others took 34% of the cores just before the start. Stop what else runs and measure again")


def test_pairs_too_noisy_to_judge_are_named():
    pairs = {"a/b": ratio(verdict="too noisy: repeat"), "a/c": ratio(), "b/c": ratio(verdict="too noisy: repeat")}
    assert noise(result(ratios=pairs)).startswith("Too noisy to judge: a/b, b/c. Measure longer (--seconds)")


@pytest.mark.parametrize("load", [None, 0.0, 0.1])
def test_a_quiet_machine_with_clear_ratios_is_not_noisy(load):
    assert noise(result(ratios={"a/b": ratio()}, machine={"other_load": load})) is None


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        (["AVX2"], "no VNNI: expect 1.3x (depthwise) to 2.4x"),
        ([], "no VNNI"),
        (["AVX2", "VNNI"], "has VNNI: INT8 arithmetic is at most 4x"),
        (["AVX-512", "AVX-512 VNNI", "BF16"], "has VNNI"),
        (["AVX-512 VNNI", "AMX INT8"], "has AMX"),
        (["AVX-512", "AMX BF16"], "no VNNI"),  # tiles of bfloat16 alone do no INT8
    ],
)
def test_the_instruction_sets_say_what_int8_can_gain(sets, words):
    assert words in instruction_sets(result(machine={"instruction_sets": sets}))


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        ((0.9500, 0.9488), "and loses 0.12 points of binary IoU: take it."),  # 0.12 of 0.3 allowed
        ((0.9500, 0.9505), "and gains 0.05 points of binary IoU: take it."),
        ((0.9500, 0.9400), "and loses 1.0 points of binary IoU: look at the masks before you take it."),
        ((None, 0.9400), "[1.9, 2.1] as fast as FP32 in OpenVINO."),
    ],
)
def test_quantization_weighs_speed_against_iou(scores, words):
    backends = {name: backend(binary_iou=score) for name, score in zip((FP32, INT8), scores, strict=True)}
    text = quantization(result(backends, {f"{FP32}/{INT8}": ratio(2.0)}))
    assert text.startswith("INT8 is 2.0x [1.9, 2.1] as fast as FP32 in OpenVINO")
    assert text.endswith(words)


def test_a_slower_int8_is_not_recommended():
    backends = {name: backend(binary_iou=0.95) for name in (FP32, INT8)}
    text = quantization(result(backends, {f"{FP32}/{INT8}": ratio(0.8, "slower")}))
    assert text == "INT8 is 0.8x [0.7, 0.9] as fast as FP32 in OpenVINO: stay with FP32 here."


@pytest.mark.parametrize(
    "ratios",
    [
        {},
        {f"torch/{INT8}": ratio()},
        {f"{FP32}/{INT8}": ratio(verdict="too noisy: repeat")},
        {f"{FP32}/{INT8}": ratio(1.0, "no significant difference")},
    ],
)
def test_quantization_is_silent_without_a_clear_ratio(ratios):
    assert quantization(result({name: backend(binary_iou=0.95) for name in (FP32, INT8)}, ratios)) is None


def test_a_fast_network_leaves_the_time_around_it():
    # int8: 1 + 4 + 3 = 8 ms, of which 1 + 3 = 4 around the network: 50 %; torch takes longer and is not asked.
    text = around_the_network(result({"torch": backend(1, 30, 3), INT8: backend(1, 4, 3)}))
    assert text.startswith(
        "50% of openvino-int8's time is spent around the network, most of it to postprocess (3.0 ms)"
    )


@pytest.mark.parametrize("backends", [{}, {"torch": backend(1, 30, 3)}])
def test_a_slow_network_or_none_leaves_nothing_to_say_about_what_is_around_it(backends):
    assert around_the_network(result(backends)) is None  # 4 of 34 ms are 12 %


def layers(share: float, *names: str) -> dict:
    entry = {"int8_share": 0.9, "by_type": [], "precision_changes": 0}
    row = {"share": share, "what": "3x3 convolution, 88 to 48 channels, 80 x 80"}
    return {"backends": dict.fromkeys(names or (FP32, INT8), entry), "dearest": [row]}


def test_a_layer_that_takes_much_is_named_with_its_backend():
    text = dearest_layer(result(layers=layers(0.23)))
    assert text.startswith(
        "23% of the network's time in openvino-int8 is one layer: 3x3 convolution, 88 to 48 channels"
    )
    assert "in openvino-fp32 is one layer" in dearest_layer(result(layers=layers(0.23, FP32)))


def test_where_no_layer_takes_much_none_stands_out():
    text = dearest_layer(result(layers=layers(0.09)))
    assert text.startswith("No layer stands out: the dearest, a 3x3 convolution")
    assert text.endswith("takes 9% of the network's time.")


def test_layers_that_were_not_profiled_are_not_spoken_of():
    for missing in (result(), result(layers={"backends": {}, "dearest": []})):
        assert dearest_layer(missing) is None
        assert float_layers(missing) is None


def by_type(int8_share: float) -> dict:
    groups = [
        {"type": "Convolution", "precision": "INT8", "ms": 6.0},
        {"type": "Interpolate", "precision": "FP32", "ms": 1.5},
        {"type": "MVN", "precision": "FP32", "ms": 0.5},
    ]
    entry = {"int8_share": int8_share, "by_type": groups, "precision_changes": 7}
    return result(layers={"backends": {INT8: entry}, "dearest": []})


def test_time_outside_int8_is_told_with_what_takes_most_of_it():
    # 6 of 8 ms are INT8: 25 % are not.
    text = float_layers(by_type(0.75))
    assert text == (
        "25% of the INT8 network's time is not in INT8, most of it Interpolate in FP32 (1.5 ms); "
        "precision changes hands 7 times."
    )


def test_little_time_outside_int8_is_not_worth_a_word():
    assert float_layers(by_type(0.9)) is None
    assert float_layers(result(layers=layers(0.2, FP32))) is None  # INT8 was not profiled


def test_the_limit_is_told_from_the_share_of_the_peak():
    # 1 G multiply-adds in 20 ms are 100 Gop/s, half of 200; at the peak they take 10 ms.
    entry = {"network_ms": 20.0, "achieved_gops": 100.0, "peak_gops": 200.0, "share_of_peak": 0.5, "least_ms": 10.0}
    text = limit(result(roofline={"backends": {INT8: entry}}))
    assert text.startswith("INT8 reaches 50% of the peak that was measured here (100 of 200 Gop/s)")
    assert "would take 10.0 ms instead of 20.0" in text


def test_without_peaks_or_int8_there_is_no_limit_to_tell():
    assert limit(result()) is None
    assert limit(result(roofline={"backends": {}})) is None


def test_eager_pytorch_on_glibc_as_it_comes_is_no_fair_baseline():
    assert "--torch-allocator tuned" in allocator(result({"torch": backend()}))


@pytest.mark.parametrize(
    ("name", "malloc"),
    [("torch", "glibc malloc, told to keep its memory"), ("torch", "jemalloc"), (INT8, "glibc malloc")],
)
def test_the_allocator_is_silent_where_telling_it_would_change_nothing(name, malloc):
    assert allocator(result({name: backend()}, machine={"allocator": malloc})) is None


def test_compiling_pays_after_so_many_pictures():
    # 30 s of compiling, 60 - 40 = 20 ms saved a picture: 30000 / 20 = 1,500.
    backends = {"torch": backend(5, 50, 5), "torch-compile": backend(5, 30, 5, startup={"compile_ms": 30_000})}
    assert compiling(result(backends)) == (
        "torch.compile takes 30 s to start and saves 20.0 ms a picture: it pays after 1,500 pictures."
    )


def test_compiling_that_saves_nothing_is_to_be_left():
    backends = {"torch": backend(), "torch-compile": backend(startup={"compile_ms": 30_000})}
    assert compiling(result(backends)).endswith("is no faster than eager here: leave it.")


@pytest.mark.parametrize(
    "backends",
    [
        {"torch": backend()},
        {"torch-compile": backend(startup={"compile_ms": 30_000})},
        {"torch": backend(), "torch-compile": backend()},  # its start was not measured
    ],
)
def test_compiling_is_silent_without_both_and_the_start(backends):
    assert compiling(result(backends)) is None


def test_advice_is_a_list_of_rules_and_texts_in_their_order():
    said = advise(result({"torch": backend(1, 4, 3)}, machine={"other_load": 0.5}))
    assert [each["rule"] for each in said] == ["noise", "instruction_sets", "around_the_network", "allocator"]
    assert all(each["text"].endswith(".") for each in said)


def test_a_benchmark_that_was_stopped_at_once_can_be_advised():
    assert [each["rule"] for each in advise(result())] == ["instruction_sets"]


def test_every_rule_is_among_those_that_are_read():
    rules = {noise, quantization, instruction_sets, around_the_network, dearest_layer, float_layers, limit}
    assert {*rules, allocator, compiling} == set(RULES)
