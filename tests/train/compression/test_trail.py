"""The trail of a quantization: which row is taken and why, what is written, what is refused."""

import json
from pathlib import Path

import pytest

from engine.errors import InputError
from engine.spec import ArtefactSpec
from train.compression.ptq import QuantizationOptions, options_in_words
from train.compression.scores import drops, read_scores, worst_drop
from train.compression.trail import Attempt, Trail, choose, reason

FP32 = {"binary": 0.9, "mean image": 0.9, "trimap": 0.8, "species": 0.95, "boundary": 0.6}


def row(drop: float, boundary: float = 0.0, **changed: str | int) -> Attempt:
    """A row that loses `drop` points of species IoU and gains 0.1 of the others."""
    dropped = {"binary": -0.1, "mean image": -0.1, "trimap": -0.1, "species": drop, "boundary": boundary}
    scores = {name: FP32[name] - dropped[name] / 100 for name in FP32}
    return Attempt(QuantizationOptions(**changed), dropped, scores, 2.98, "INT8", 36.0)


def make_trail(*rows: Attempt) -> Trail:
    return Trail("drawn", {"openvino-fp32.xml": "abc"}, ["1", "2"], FP32, list(rows))


def test_scores_are_read_from_a_report_by_name():
    report = {
        "binary": {"dataset_iou": 0.1, "mean_image_iou": 0.2},
        "trimap": {"mean_iou": 0.3},
        "species": {"mean_iou": 0.4},
        "boundary_iou": 0.5,
    }
    assert read_scores(report) == {"binary": 0.1, "mean image": 0.2, "trimap": 0.3, "species": 0.4, "boundary": 0.5}


def test_a_drop_is_in_points_and_the_worst_leaves_the_outline_out():
    after = {"binary": 0.895, "mean image": 0.9, "trimap": 0.81, "species": 0.95, "boundary": 0.5}
    dropped = drops(FP32, after)
    # 0.9 - 0.895 is half a point; the boundary's ten points are told, not judged.
    assert dropped["binary"] == pytest.approx(0.5)
    assert dropped["trimap"] == pytest.approx(-1.0)
    assert dropped["boundary"] == pytest.approx(10.0)
    assert worst_drop(dropped) == pytest.approx(0.5)


def test_the_row_that_loses_the_least_is_taken():
    rows = [row(0.40), row(0.10, preset="performance"), row(0.30, range_estimator="histogram")]
    assert choose(rows) is rows[1]
    assert (
        reason(rows[1], rows)
        == "Of 3 ways that could be taken, preset performance lost the least: 0.10 points at worst."
    )


def test_among_alike_rows_the_defaults_are_taken():
    # 0.14 is within 0.05 of 0.10, 0.16 is not.
    best = row(0.10, preset="performance", bias_correction="fast")
    assert choose([best, row(0.14)]) == row(0.14)
    assert choose([best, row(0.16)]) == best
    assert "within 0.05 points of the least loss with the fewest changes: 0.14" in reason(row(0.14), [best, row(0.14)])


def test_a_gain_is_no_better_than_no_loss():
    # Both lose nothing, so the defaults are taken, though the other gains two points.
    assert choose([row(-2.0, preset="performance"), row(0.0)]) == row(0.0)


def test_overflow_fix_off_and_what_failed_are_never_taken():
    failed = Attempt(QuantizationOptions(channel_alignment="on"), failed="KeyError")
    rows = [row(0.4), row(0.0, overflow_fix="off"), failed]
    assert choose(rows) is rows[0]
    assert choose(rows[1:]) is None
    assert reason(rows[0], rows) == "Of 1 ways that could be taken, the defaults lost the least: 0.40 points at worst."


def test_a_trail_comes_back_as_it_was_saved(tmp_path):
    trail = make_trail(
        row(0.4), row(0.1, subset_size=50), Attempt(QuantizationOptions(channel_alignment="on"), failed="KeyError")
    )
    trail.save(tmp_path / "trail.json")
    assert Trail.load(tmp_path / "trail.json") == trail
    written = json.loads((tmp_path / "trail.json").read_text())
    assert written["chosen"]["subset_size"] == 50
    assert "lost the least" in written["reason"]
    assert written["rule"].startswith("The smallest worst drop")
    assert (tmp_path / "trail.md").read_text() == trail.table() + "\n"


def test_a_trail_finds_what_was_done():
    trail = make_trail(row(0.4), row(0.1, subset_size=50))
    assert trail.find(QuantizationOptions(subset_size=50)) is trail.rows[1]
    assert trail.find(QuantizationOptions(preset="performance")) is None


def test_the_table_has_every_way_and_marks_the_one_taken():
    trail = make_trail(
        row(0.4, 1.0), row(0.1, subset_size=50), Attempt(QuantizationOptions(channel_alignment="on"), failed="KeyError")
    )
    lines = trail.table().splitlines()
    assert lines[2] == "| FP32, IoU | 0.9000 | 0.9000 | 0.8000 | 0.9500 | 0.6000 | | | | |"
    assert lines[3] == "| the defaults | -0.10 | -0.10 | -0.10 | +0.40 | +1.00 | 0.40 | 2.98 | INT8 | 36 |"
    assert lines[4].startswith("| **subset size 50** | -0.10 | -0.10 | -0.10 | +0.10 | +0.00 | 0.10 |")
    assert lines[5] == "| channel alignment on: failed | | | | | | | | | |"
    assert {line.count("|") for line in lines} == {11}


def test_the_rows_for_model_json_say_what_was_changed_and_lost():
    compact = make_trail(row(0.123, subset_size=50), Attempt(QuantizationOptions(), failed="KeyError")).compact()
    assert compact[0]["changed"] == {"subset_size": 50}
    assert compact[0]["drop"]["species"] == 0.12
    assert compact[1] == {"changed": {}, "failed": "KeyError"}


def test_options_are_told_in_words():
    assert (
        options_in_words(QuantizationOptions(preset="performance", subset_size=50).changed())
        == "preset performance, subset size 50"
    )
    assert options_in_words(QuantizationOptions().changed()) == "the defaults"


def test_the_trail_of_another_model_is_refused():
    with pytest.raises(InputError, match=r"t.json is the trail of another model \(the sha256 of its FP32 IR differs\)"):
        make_trail().check_model(ArtefactSpec({"openvino-fp32.xml": "xyz"}, 1.0, ""), Path("t.json"))
    make_trail().check_model(ArtefactSpec({"openvino-fp32.xml": "abc"}, 1.0, ""), Path("t.json"))


@pytest.mark.parametrize("text", ["no JSON", "[]", '{"rows": []}', '{"rows": [{"choices": {"colour": "red"}}]}'])
def test_a_file_that_is_no_trail_is_refused(tmp_path, text):
    (tmp_path / "trail.json").write_text(text)
    with pytest.raises(InputError, match=r"trail.json is no trail of a quantization .* Remove it and begin anew"):
        Trail.load(tmp_path / "trail.json")


def test_a_trail_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"There is no trail .*gone.json. Make it with `python -m train compare`"):
        Trail.load(tmp_path / "gone.json")
