"""`python -m engine benchmark, sweep, layers`: what they write, what they refuse, and how they are stopped."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from engine.__main__ import main
from engine.roofline import best_seconds

PAIR = "openvino-fp32,openvino-int8"
LATENCY = {"latency_ms": {"median", "p90", "p99"}, "stages_ms": {"preprocess", "infer", "postprocess"}}


@pytest.fixture(autouse=True)
def own_turn(tmp_path, monkeypatch):
    """Nobody's turn is waited for: the lock lies in the test's own folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.fixture
def one_core(monkeypatch):
    """A sweep tries the settings of one core: 1 request or 2, in batches of 1, 2 and 4."""
    monkeypatch.setattr("engine.sweep.usable_cores", lambda: 1)


def run(*words: object) -> int:
    return main([str(word) for word in words])


@pytest.mark.slow
def test_benchmark_writes_the_fields_of_the_contract(photo, result_file, capsys):
    options = ("--backends", PAIR, "--photo", photo, "--seconds", 0.2)
    assert run("benchmark", *options, "--json", result_file) == 0
    result = json.loads(result_file.read_text())
    assert {"command", "machine", "backends", "ratios", "cancelled", "advice"} <= result.keys()
    assert result["command"] == f"python -m engine benchmark --backends {PAIR} --seconds 0.2 --photo {photo}"
    assert list(result["backends"]) == PAIR.split(",")
    for entry in result["backends"].values():
        assert {*LATENCY, "throughput_fps"} <= entry.keys()
        for part, fields in LATENCY.items():
            assert entry[part].keys() == fields
    ratio = result["ratios"]["openvino-fp32/openvino-int8"]
    assert ratio.keys() == {"median", "ci95", "verdict"}
    medians = [entry["latency_ms"]["median"] for entry in result["backends"].values()]
    assert ratio["median"] == pytest.approx(medians[0] / medians[1])
    assert 0 < ratio["ci95"][0] <= ratio["ci95"][1]
    printed = capsys.readouterr().out
    assert "160 x 120 px, decoded" in printed
    assert all(f"- {each['text']}\n" in printed for each in result["advice"])


@pytest.mark.slow
def test_benchmark_prints_starts_and_peaks_where_they_were_measured(photo, capsys, monkeypatch):
    monkeypatch.setattr(best_seconds, "__defaults__", (0.05,))  # seconds of each program of the roofline
    options = ("--backends", "openvino-int8", "--photo", photo, "--seconds", 0.1)
    assert run("benchmark", *options, "--startup", "--roofline") == 0
    printed = capsys.readouterr().out
    assert "start: import " in printed
    assert "GFLOP/s FP32" in printed
    assert "of its peak" in printed


@pytest.mark.slow
def test_progress_as_json_is_all_that_is_on_stderr(photo, capsys):
    options = ("--backends", "openvino-int8", "--photo", photo, "--seconds", 0.1, "--progress", "json")
    assert run("benchmark", *options) == 0
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert all(line.keys() == {"done", "total", "what", "left_s"} for line in lines)
    assert list(dict.fromkeys(line["what"] for line in lines)) == ["opening openvino-int8", "timing the backends"]
    shares = [line["done"] / line["total"] for line in lines]
    assert shares == sorted(shares)
    assert shares[-1] == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--seconds", 0), "--seconds is 0; expected more than 0"),
        (("--seconds", "nan"), "--seconds is nan; expected more than 0"),
        (("--backends", "openvino-fp32,tensorflow"), "There is no backend 'tensorflow'"),
        (("--backends", "torch,torch"), "A backend is named twice in torch,torch. Name each once"),
        (("--backends", ""), "No backend is named. Choose some of: torch"),
        (("--photo", "gone.jpg"), "gone.jpg cannot be opened"),
        (("--model", "slowsegnet"), "There is no model 'slowsegnet'"),
    ],
)
def test_a_benchmark_that_cannot_be_made_is_refused(result_file, refused, options, words):
    refused(run("benchmark", *options, "--progress", "json", "--json", result_file), words)
    assert not result_file.exists()


def test_benchmark_of_a_folder_without_photos_is_refused(tmp_path, refused):
    refused(run("benchmark", "--photo", tmp_path, "--progress", "json"), "holds no photo. Name a folder with JPEG")


def test_benchmark_of_a_photo_that_is_none_is_refused(tmp_path, refused):
    (tmp_path / "letter.jpg").write_text("Dear cat,")
    refused(run("benchmark", "--photo", tmp_path, "--progress", "json"), "letter.jpg is not a picture we can read")


@pytest.fixture
def interruptible():
    """Ctrl-C reaches the processes of this test, also where this one was told to ignore it (nohup)."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent to one process there")
@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_ends_a_benchmark_that_writes_what_it_measured(tmp_path, result_file):
    options = ("--backends", "openvino-int8", "--seconds", "60", "--progress", "json", "--json", result_file)
    process = subprocess.Popen(
        [sys.executable, "-m", "engine", "benchmark", *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=Path(__file__).resolve().parents[2], env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    try:
        rounds = 0
        while rounds < 3:  # the part's beginning, and then a line for each round
            rounds += json.loads(process.stderr.readline())["what"] == "timing the backends"
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert all(json.loads(line) for line in rest.splitlines())
    result = json.loads(result_file.read_text())
    assert result["cancelled"] is True
    assert result["rounds"] >= 2
    assert len(result["backends"]["openvino-int8"]["samples_ms"]) == result["rounds"]


@pytest.mark.slow
@pytest.mark.usefixtures("one_core")
def test_sweep_writes_its_points_and_the_sweet_spot(result_file, capsys):
    options = ("--backend", "openvino-int8", "--seconds", 0.02, "--max-latency-ms", 10_000)
    assert run("sweep", *options, "--json", result_file) == 0
    result = json.loads(result_file.read_text())
    assert result["command"] == (
        "python -m engine sweep --backend openvino-int8 --seconds 0.02 --max-latency-ms 10000"
    )  # fmt: skip
    assert (result["backend"], result["max_latency_ms"], result["cancelled"]) == ("openvino-int8", 10_000, False)
    assert [(p["mode"], p["requests"], p["threads"], p["batch"]) for p in result["points"]] == [
        ("synchronous", 1, 1, 1), ("synchronous", 1, 1, 2), ("synchronous", 1, 1, 4),
        ("stream", 2, 1, 1), ("stream", 2, 1, 2), ("stream", 2, 1, 4),
    ]  # fmt: skip
    assert all(point["latency_ms"].keys() == {"median", "p90"} for point in result["points"])
    assert result["sweet_spot"] == max(result["points"], key=lambda point: point["throughput_fps"])
    printed = capsys.readouterr().out
    assert printed.startswith("6 settings of openvino-int8, about 9 s\n")  # 6 x (1.5 + 0.02)
    assert "Most pictures a second within 10000 ms: " in printed


@pytest.mark.slow
@pytest.mark.usefixtures("one_core")
def test_a_sweep_that_keeps_no_limit_says_what_the_quickest_needs(result_file, capsys):
    options = ("--backend", "openvino-int8", "--seconds", 0.01, "--max-latency-ms", 0.001)
    assert run("sweep", *options, "--json", result_file) == 0
    assert json.loads(result_file.read_text())["sweet_spot"] is None
    assert "No setting keeps 0.001 ms for 90 % of the calls; the quickest needs " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--seconds", 0), "--seconds is 0; expected more than 0"),
        (("--max-latency-ms", -1), "--max-latency-ms is -1; expected more than 0"),
        (("--max-latency-ms", "nan"), "--max-latency-ms is nan; expected more than 0"),
        (("--backend", "tensorflow"), "There is no backend 'tensorflow'"),
        (("--model", "slowsegnet"), "There is no model 'slowsegnet'"),
    ],
)
def test_a_sweep_that_cannot_be_made_is_refused(refused, options, words):
    refused(run("sweep", *options), words)


@pytest.mark.slow
def test_layers_are_printed_and_written(result_file, capsys):
    assert run("layers", "--json", result_file) == 0
    result = json.loads(result_file.read_text())
    assert result["command"] == f"python -m engine layers --backends {PAIR}"
    assert list(result["backends"]) == PAIR.split(",")
    assert len(result["dearest"]) == 10
    printed = capsys.readouterr().out
    assert "openvino-int8: " in printed
    assert result["dearest"][0]["what"] in printed


@pytest.mark.parametrize("backends", ["torch", "openvino-fp32,tensorflow", ""])
def test_layers_of_what_is_not_openvino_are_refused(refused, backends):
    refused(run("layers", "--backends", backends), "cannot be told apart; those of openvino-fp32, openvino-int8 can")
