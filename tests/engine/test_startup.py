"""A start in a fresh process is measured whole, and a start that fails says why."""

import shutil
import sys

import numpy as np
import pytest

from engine import startup
from engine.errors import InferenceError
from engine.spec import Model
from engine.startup import measure_startup, peak_mb, resident_mb


@pytest.mark.slow
def test_a_start_is_measured_stage_by_stage_with_its_memory(model):
    spent = measure_startup(model, "openvino-fp32")
    assert list(spent) == [
        "import_ms", "load_ms", "compile_ms", "first_inference_ms", "resident_mb", "peak_mb"
    ]  # fmt: skip
    assert all(value > 0 for value in spent.values())
    assert spent["resident_mb"] <= spent["peak_mb"]


def test_a_start_is_of_a_process_of_its_own(model, monkeypatch):
    # A child that finds nothing: were the start in this process, it would succeed.
    monkeypatch.setenv("PYTHONPATH", "")
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(InferenceError, match=r"Starting openvino-fp32 in a new process failed \(no word\)"):
        measure_startup(model, "openvino-fp32")


def test_a_start_that_fails_says_why(model, tmp_path):
    folder = shutil.copytree(model.folder, tmp_path / "model")
    (folder / "openvino-fp32.bin").unlink()
    words = r"Starting openvino-fp32 in a new process failed \(.*openvino-fp32.bin is missing. Restore it"
    with pytest.raises(InferenceError, match=words):
        measure_startup(Model.open(folder), "openvino-fp32")


def test_a_start_that_takes_too_long_is_stopped(model, monkeypatch):
    monkeypatch.setattr(startup, "TIMEOUT_SECONDS", 0.01)
    with pytest.raises(InferenceError, match=r"Starting torch took over 0.01 s and was stopped"):
        measure_startup(model, "torch")


def test_memory_is_in_megabytes():
    # This process has numpy and pytest in it: more than 20 MB, and less than the machine's terabytes.
    assert 20 < resident_mb() < 1e6
    assert 20 < peak_mb() < 1e6


@pytest.mark.slow
def test_the_memory_of_the_process_that_starts_it_does_not_count(model):
    ballast = np.ones(2**29, np.uint8)  # 537 MB
    spent = measure_startup(model, "onnxruntime")
    assert spent["peak_mb"] < 500
    del ballast
