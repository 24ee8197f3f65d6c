"""Shares of the peak by hand; that the peaks are of the precision they are named for; one measurement."""

import openvino as ov
import pytest

from engine import roofline
from engine.backends.openvino import COMPILE_OPTIONS, executed_precision
from engine.roofline import best_seconds, convolution_stack, measure_peaks, peak_name, shares

PEAKS = {"fp32_gflops": 200.0, "int8_gops": 800.0, "bandwidth_gbs": 20.0}


def test_a_share_is_what_is_achieved_of_the_peak():
    # 1 G multiply-adds are 2 G operations: in 20 ms 100 Gop/s, half of 200. At the peak 2 / 200 s = 10 ms.
    # In 10 ms 200 Gop/s, a quarter of INT8's 800; at the peak 2.5 ms.
    table = shares(PEAKS, 1.0, {"torch": (20.0, "FP32"), "int8": (10.0, "INT8 (62 of 64 convolutions), FP32")})
    assert table == {
        "torch": {
            "network_ms": 20, "achieved_gops": 100, "peak_gops": 200, "share_of_peak": 0.5, "least_ms": 10
        },
        "int8": {
            "network_ms": 10, "achieved_gops": 200, "peak_gops": 800, "share_of_peak": 0.25, "least_ms": 2.5
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("precision", "name"),
    [
        ("FP32", "fp32_gflops"),
        ("INT8", "int8_gops"),
        ("INT8 (62 of 64 convolutions), FP32", "int8_gops"),
        ("FP32 (62 of 64 convolutions), INT8", "fp32_gflops"),  # the most frequent comes first
        ("BF16 (convolutions), FP32", "bf16_gflops"),
        ("BF16, FP32", "bf16_gflops"),
        ("FP16", "fp32_gflops"),
    ],
)
def test_a_backend_is_held_against_the_peak_of_its_precision(precision, name):
    assert peak_name(precision, PEAKS | {"bf16_gflops": 400.0}) == name


def test_without_a_peak_of_its_own_bfloat16_is_held_against_fp32():
    assert peak_name("BF16 (convolutions), FP32", PEAKS) == "fp32_gflops"


def test_the_shortest_run_of_a_program_counts(monkeypatch):
    # Started at 0 s: runs of 4, 2 and 3 s; the time is over after the first, and three are made all the same.
    clock = iter([0.0, 0.0, 4.0, 4.0, 6.0, 6.0, 9.0, 9.0])
    monkeypatch.setattr(roofline.time, "perf_counter", lambda: next(clock))
    assert best_seconds(lambda: None, seconds=1.0) == 2.0


@pytest.mark.parametrize(("is_quantized", "precision"), [(False, "FP32"), (True, "INT8")])
def test_the_stack_executes_in_the_precision_that_it_measures(is_quantized, precision):
    compiled = ov.Core().compile_model(convolution_stack(is_quantized), "CPU", COMPILE_OPTIONS)
    assert executed_precision(compiled) == precision


def test_peaks_are_measured_and_progress_rises_to_the_end(monkeypatch):
    monkeypatch.setattr(best_seconds, "__defaults__", (0.05,))  # seconds of each program
    told: list[float] = []
    peaks = measure_peaks(on_progress=told.append)
    assert peaks.keys() == {"fp32_gflops", "int8_gops", "bandwidth_gbs"}
    assert all(value > 0.1 for value in peaks.values())
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0, 1)


def test_bfloat16_has_a_peak_where_the_machine_has_the_arithmetic(monkeypatch):
    monkeypatch.setattr(roofline, "convolution_gops", {"FP32": 100.0, "INT8": 300.0, "BF16": 200.0}.get)
    monkeypatch.setattr(roofline, "matrix_product_gflops", lambda: 150.0)
    monkeypatch.setattr(roofline, "bandwidth_gbs", lambda: 20.0)
    # The better of 150 by the matrix product and 100 by convolutions is the peak of FP32.
    peaks = {"fp32_gflops": 150, "int8_gops": 300, "bandwidth_gbs": 20}
    assert measure_peaks(has_bfloat16=False) == peaks
    assert measure_peaks(has_bfloat16=True) == peaks | {"bf16_gflops": 200}
