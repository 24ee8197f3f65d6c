"""The comparison of ways to quantize: what is tried, that nothing is tried twice, what is refused."""

import json
from pathlib import Path

import openvino as ov
import pytest

from engine.errors import InferenceError
from train.__main__ import main
from train.compression import compare
from train.compression.compare import chosen_factors, combination, one_at_a_time
from train.compression.ptq import KNOWN, QuantizationOptions
from train.compression.trail import Attempt, Trail


@pytest.fixture
def asked(monkeypatch) -> list[QuantizationOptions]:
    """Every call of NNCF; in its place the FP32 model is given back, or a failure where channels are aligned."""
    calls = []

    def answer(source, calibration, size_hw, choices, show=True):
        calls.append(choices)
        if choices.channel_alignment == "on":
            raise InferenceError("NNCF failed")
        return ov.Core().read_model(source)

    monkeypatch.setattr(compare, "quantize_ir", answer)
    return calls


@pytest.fixture
def run_compare(exported, shared_dataset, tmp_path):
    """`run_compare("--combine", ...)` compares ways for the drawn model and gives the exit code and the trail."""

    def command(*options: str, model: Path = exported) -> tuple[int, Path]:
        path = tmp_path / "trail.json"
        words = ("compare", "--model", model, "--data", shared_dataset, "--trail", path, *options)
        return main([str(word) for word in words]), path

    return command


def row(drop: float, **changed: str | int) -> Attempt:
    return Attempt(
        QuantizationOptions(**changed), dict.fromkeys(("binary", "mean image", "trimap", "species", "boundary"), drop)
    )


def test_one_option_at_a_time_is_changed():
    plan = one_at_a_time(QuantizationOptions(), chosen_factors(None), [50, 300])
    assert plan[0] == QuantizationOptions()
    assert all(len(choices.changed()) == 1 for choices in plan[1:])
    # All other values of every option but SmoothQuant, which is for transformers; 300 pictures are the base.
    others = sum(len(known) - 1 for name, known in KNOWN.items() if name != "smooth_quant")
    assert len(plan) == 1 + others + 1
    assert len(set(plan)) == len(plan)


def test_smooth_quant_is_compared_for_a_transformer():
    plan = one_at_a_time(QuantizationOptions(model_type="transformer"), ["smooth_quant"], [])
    assert plan[1:] == [QuantizationOptions(model_type="transformer", smooth_quant="off")]


def test_the_best_of_each_option_is_combined():
    rows = [
        row(0.4),
        row(0.5, bias_correction="fast"),
        row(0.3, preset="performance"),
        row(0.2, range_estimator="quantile"),
        row(0.1, range_estimator="histogram"),
        row(0.37, subset_size=50),  # within a tie of the base
        row(0.0, overflow_fix="off"),  # never taken
    ]
    assert combination(QuantizationOptions(), rows) == QuantizationOptions(
        preset="performance", range_estimator="histogram"
    )
    assert combination(QuantizationOptions(), rows[:2]) == QuantizationOptions()


def test_rows_are_written_with_their_drop_and_not_done_twice(run_compare, asked, capsys):
    options = ("--factors", "preset,channel_alignment", "--subset-sizes", "5")
    code, path = run_compare(*options)
    assert code == 0
    told = capsys.readouterr().out
    assert "3 ways to quantize, 3 of them to do; 2 validation pictures" in told
    assert "chosen: the defaults" in told.replace("subset size 10", "the defaults")
    trail = Trail.load(path)
    assert [bool(each.failed) for each in trail.rows] == [False, False, True]
    # The stand-in is the FP32 model itself: nothing is lost, and the size is that of FP32.
    assert trail.rows[0].drop == dict.fromkeys(trail.fp32, 0.0)
    assert trail.rows[0].executes == "FP32"
    assert path.with_suffix(".md").read_text().splitlines()[2].startswith("| FP32, IoU |")

    trail.rows.pop()
    trail.save(path)
    asked.clear()
    assert run_compare(*options)[0] == 0
    assert "3 ways to quantize, 1 of them to do" in capsys.readouterr().out
    assert [choices.channel_alignment for choices in asked] == ["on"]


def test_a_stopped_comparison_keeps_the_rows_before(run_compare, asked, monkeypatch, tmp_path, capsys):
    real = compare.quantize_ir

    def stop_at_the_second(*args, **options):
        if asked:
            raise KeyboardInterrupt
        return real(*args, **options)

    monkeypatch.setattr(compare, "quantize_ir", stop_at_the_second)
    assert run_compare("--factors", "preset")[0] == 130
    assert "stopped; 1 ways are in" in capsys.readouterr().out
    assert [row.choices.preset for row in Trail.load(tmp_path / "trail.json").rows] == ["mixed"]


def test_a_trail_of_another_model_or_of_other_pictures_is_refused(run_compare, asked, capsys):
    _, path = run_compare("--factors", "preset")
    assert run_compare("--factors", "preset", "--limit-validation", "1")[0] == 2
    assert "holds scores of 2 other validation pictures. Give the same --limit-validation" in capsys.readouterr().err

    trail = json.loads(path.read_text())
    trail["source"]["openvino-fp32.xml"] = "0" * 64
    path.write_text(json.dumps(trail))
    assert run_compare("--factors", "preset")[0] == 2
    assert "is the trail of another model" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--factors", "colour"), "--factors has 'colour'. Known: preset, range_estimator"),
        (("--subset-sizes", "many"), "--subset-sizes is 'many'; expected whole numbers with commas"),
        (("--subset-sizes", "11"), "--subset-size is 11; expected 1 to 10, the calibration pictures there are"),
        (("--limit-validation", "0"), "--limit is 0; expected 1 or more photos"),
    ],
)
def test_options_that_make_no_sense_are_refused_before_anything_is_done(run_compare, asked, capsys, options, message):
    code, path = run_compare(*options)
    assert code == 2
    assert message in capsys.readouterr().err
    assert not asked
    assert not path.exists()


def test_a_folder_without_the_fp32_ir_is_refused(run_compare, exported, tmp_path, capsys):
    folder = tmp_path / "drawn"
    folder.mkdir()
    (folder / "model.json").write_bytes((exported / "model.json").read_bytes())
    assert run_compare(model=folder)[0] == 2
    assert (
        "openvino-fp32.xml is missing. Restore it, or make it with `python -m train export" in capsys.readouterr().err
    )
