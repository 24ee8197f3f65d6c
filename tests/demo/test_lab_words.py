"""Sentences on benchmarks, by hand from small results."""

import pytest

from demo import lab_words


def benchmark(medians: dict[str, float], ratios: dict[str, tuple]) -> dict:
    return {
        "backends": {name: {"latency_ms": {"median": ms, "p90": ms * 1.1}} for name, ms in medians.items()},
        "ratios": {
            pair: {"median": median, "ci95": [low, high], "verdict": verdict}
            for pair, (median, low, high, verdict) in ratios.items()
        },
    }


def test_the_quickest_is_held_against_pytorch_and_against_the_next_one():
    result = benchmark(
        {"torch": 24.7, "torchscript": 19.0, "openvino-fp32": 9.3, "openvino-int8": 5.2},
        {
            "torch/openvino-int8": (4.75, 4.64, 4.91, "faster"),
            "openvino-fp32/openvino-int8": (1.79, 1.75, 1.84, "faster"),
        },
    )
    assert lab_words.headline(result) == (
        "OpenVINO INT8 answers in 5.2 ms: 4.8x [4.6, 4.9] faster than PyTorch, 1.8x [1.8, 1.8] than OpenVINO FP32."
    )


def test_nothing_is_called_faster_where_it_is_too_noisy():
    result = benchmark({"torch": 24.7, "openvino-int8": 5.2}, {"torch/openvino-int8": (4.8, 2, 9, "too noisy: repeat")})
    sentence = lab_words.headline(result)
    assert sentence == "OpenVINO INT8 answers in 5.2 ms. Against PyTorch it is too noisy to call: repeat."
    assert "faster" not in sentence


def test_a_lead_and_a_doubt_are_both_said():
    result = benchmark(
        {"torch": 24.7, "openvino-fp32": 5.3, "openvino-int8": 5.2},
        {
            "torch/openvino-int8": (4.8, 4.6, 4.9, "faster"),
            "openvino-fp32/openvino-int8": (1.02, 0.99, 1.04, "no significant difference"),
        },
    )
    assert lab_words.headline(result) == (
        "OpenVINO INT8 answers in 5.2 ms: 4.8x [4.6, 4.9] faster than PyTorch. "
        "No significant difference to OpenVINO FP32."
    )


def test_a_backend_that_was_named_first_may_be_the_quickest():
    result = benchmark({"torch": 10.0, "torchscript": 20.0}, {"torch/torchscript": (0.5, 0.4, 0.625, "slower")})
    # 1 / 0.5 = 2 in [1 / 0.625, 1 / 0.4]
    assert lab_words.headline(result) == "PyTorch answers in 10.0 ms: 2.0x [1.6, 2.5] faster than TorchScript."


def test_one_backend_alone_is_held_against_nothing():
    assert lab_words.headline(benchmark({"torch": 10.0}, {})) == (
        "PyTorch answers in 10.0 ms, nine times in ten in 11.0 ms or less."
    )


def test_without_any_backend_nothing_was_timed():
    assert lab_words.headline(benchmark({}, {})) == "Cancelled before anything was timed."


@pytest.mark.parametrize(
    ("median", "low", "high", "text"),
    [(4.75, 4.64, 4.91, "4.8x [4.6, 4.9]"), (1.04, 1.02, 1.06, "1.04x [1.02, 1.06]")],
)
def test_ratios_near_one_have_two_decimals(median, low, high, text):
    assert lab_words.interval({"median": median, "ci95": [low, high]}) == text


def test_the_sweet_spot_is_said_with_its_setting_throughput_and_latency():
    point = {"requests": 2, "threads": 1, "batch": 4, "throughput_fps": 281.4, "latency_ms": {"p90": 29.0}}
    sentence = lab_words.sweep_sentence({"backend": "torch", "points": [point]}, 30.0, point)
    assert sentence == (
        "Most pictures a second within 30.0 ms: 2 requests x 1 thread x batch 4 gives 281 pictures/s, "
        "nine calls in ten within 29.0 ms."
    )


def test_the_share_in_int8_is_said_of_the_quantized_backend_alone():
    entry = {"total_ms": 4.2, "int8_share": 0.71, "precision_changes": 1}
    sentence = lab_words.layers_sentence({"backends": {"openvino-fp32": entry, "openvino-int8": entry}})
    assert sentence == (
        "OpenVINO FP32's layers take 4.2 ms. OpenVINO INT8 spends 71.0 % of its 4.2 ms in INT8 layers; the precision "
        "changes once on the way."
    )
