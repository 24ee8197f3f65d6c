"""Goals of accuracy against scores made up here."""

from types import SimpleNamespace

import pytest

from benchmarks.accuracy_goals import accuracy_goal_table

JUDGED = ("binary.dataset_iou", "binary.mean_image_iou", "trimap.mean_iou", "species.mean_iou")


def drawn(name: str = "fastsegnet", binary: float = 0.93, millions: float = 2.49, **differences: float):
    metrics = {
        "binary": {"dataset_iou": binary, "mean_image_iou": 0.93},
        "trimap": {"mean_iou": 0.84},
        "species": {"mean_iou": 0.95},
    }
    gains = dict.fromkeys(JUDGED, 0.001) | {f"{each}.mean_iou": value for each, value in differences.items()}
    return SimpleNamespace(
        name=name,
        artefacts={"openvino-int8.xml": SimpleNamespace(metrics=metrics)},
        evaluation={"int8_minus_fp32": {each: {"difference": gain} for each, gain in gains.items()}},
        network={"parameters": millions * 1e6},
    )


def line(specs: list, words: str) -> str:
    return next(row for row in accuracy_goal_table(specs).splitlines() if words in row)


@pytest.mark.parametrize(("binary", "reached"), [(0.925, "yes"), (0.92499, "**no**")])
def test_a_score_is_held_against_its_goal_before_it_is_rounded(binary, reached):
    assert line([drawn(binary=binary)], "binary IoU") == f"| binary IoU, at least | 0.9250 | 0.925 | {reached} |"


def test_each_model_has_goals_of_its_own():
    row = line([drawn(), drawn("fastsegnet-large")], "binary IoU")
    assert row == "| binary IoU, at least | 0.9300 | 0.925 | yes | 0.9300 | 0.935 | **no** |"
    assert line([drawn(millions=3), drawn("fastsegnet-large", millions=3)], "parameters") == (
        "| parameters, at most | 3.00 M | 2.5 M | **no** | 3.00 M | 6 M | yes |"
    )


def test_what_int8_loses_is_the_worst_of_the_scores_and_a_gain_is_no_loss():
    assert "| 0.00 | 0.2 | yes |" in line([drawn()], "INT8 loses")
    # 0.0021 of a share are 0.21 points.
    assert "| 0.21 | 0.2 | **no** |" in line([drawn(species=-0.0021, trimap=-0.001)], "INT8 loses")


def test_a_model_without_goals_is_left_out():
    assert accuracy_goal_table([drawn("drawn")]).splitlines()[0] == "| INT8 on the test split |"
