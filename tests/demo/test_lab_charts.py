"""The Lab's charts hold what was measured, with units, and say it beside the marks."""

import re

import numpy as np
import pytest

from demo.lab_charts import distribution_chart, pareto_chart, rises, speed_up_chart, sweep_chart, text_places
from demo.looks import LOOKS
from engine.latency import summarise
from engine.spec import ModelSpec


def entry(infer_ms: float, artefact: str = "torch.pt2", size_mb: float = 9.6) -> dict:
    samples = np.array([[1, infer_ms, 1]] * 4, float)
    return {**summarise(samples), "samples_ms": samples.tolist(), "artefact": artefact, "artefact_mb": size_mb}


def point(requests: int, p90: float, fps: float) -> dict:
    return {
        "mode": "synchronous" if requests == 1 else "stream",
        "requests": requests, "threads": 1, "batch": 2, "latency_ms": {"median": p90, "p90": p90},
        "throughput_fps": fps,
    }  # fmt: skip


BACKENDS = {"torch": entry(22), "openvino-int8": entry(6, "openvino-int8.xml", 3.0)}
SWEEP = {"backend": "openvino-int8", "points": [point(1, 5.0, 200.0), point(2, 9.0, 250.0), point(4, 20.0, 260.0)]}


def texts(figure) -> list[str]:
    return [annotation.text for annotation in figure.layout.annotations]


def test_a_box_holds_all_calls_of_a_backend():
    figure = distribution_chart(BACKENDS)
    assert [list(box.x) for box in figure.data] == [[24.0] * 4, [8.0] * 4]
    assert texts(figure)[1] == "<b>OpenVINO INT8</b>  8.0 ms, 1 in 100 over 8.0 ms"
    assert "milliseconds" in figure.layout.xaxis.title.text
    assert figure.layout.xaxis.type is None


def test_a_wide_spread_gets_a_logarithmic_axis():
    figure = distribution_chart({"torch": entry(100), "openvino-int8": entry(6)})
    assert figure.layout.xaxis.type == "log"
    low, high = figure.layout.xaxis.range
    assert 10**low < 8 < 102 < 10**high


def test_speed_ups_have_their_interval_around_the_median():
    ratios = {"torch/openvino-int8": {"median": 3.0, "ci95": [2.5, 3.2], "verdict": "faster"}}
    figure = speed_up_chart(list(BACKENDS), ratios)
    reference, int8 = figure.data
    assert list(reference.x) == [1]
    assert list(int8.x) == [3.0]
    assert int8.error_x.array[0] == pytest.approx(0.2)
    assert int8.error_x.arrayminus[0] == pytest.approx(0.5)
    assert texts(figure)[1] == "<b>OpenVINO INT8</b>  3.0x [2.5, 3.2], faster"
    assert {(shape.x0, shape.x1) for shape in figure.layout.shapes} == {(1, 1)}


def test_a_noisy_speed_up_is_hollow_and_says_so():
    ratios = {"torch/openvino-int8": {"median": 3.0, "ci95": [1.5, 5.2], "verdict": "too noisy: repeat"}}
    figure = speed_up_chart(list(BACKENDS), ratios)
    assert figure.data[1].marker.symbol == "circle-open"
    assert "too noisy: repeat" in texts(figure)[1]


def test_settings_over_the_limit_are_faint_and_the_best_within_it_is_ringed():
    figure = sweep_chart(SWEEP, 10.0, SWEEP["points"][1])
    ring, settings = figure.data
    assert (list(ring.x), list(ring.y), list(ring.text)) == ([9.0], [250.0], ["<b>2x1x2</b>"])
    assert list(settings.text) == ["1x1x2", "", "4x1x2"]
    assert list(settings.marker.opacity) == [1.0, 1.0, 0.35]
    assert figure.layout.shapes[0].x0 == 10.0
    assert texts(figure) == ["limit 10.0 ms"]
    assert "pictures a second" in figure.layout.yaxis.title.text
    assert "milliseconds" in figure.layout.xaxis.title.text


def test_a_sweep_without_a_sweet_spot_has_no_ring():
    assert len(sweep_chart(SWEEP, 1.0, None).data) == 1


def test_accuracy_stands_over_latency_and_area_is_the_size_of_the_file():
    figure = pareto_chart(BACKENDS, {"torch.pt2": 0.9145, "openvino-int8.xml": 0.9149})
    marks = figure.data[0]
    assert list(marks.x) == [8.0, 24.0]
    assert list(marks.y) == pytest.approx([91.49, 91.45])
    small, large = marks.marker.size
    assert (large / small) ** 2 == pytest.approx(9.6 / 3.0)
    assert texts(figure)[0] == "<b>OpenVINO INT8</b><br>91.5 %, 3.0 MB"
    low, high = figure.layout.yaxis.range
    assert high - low == pytest.approx(2.0)  # two points of IoU, so that 0.04 look small


def test_a_backend_whose_artefact_was_not_scored_is_left_out():
    assert list(pareto_chart(BACKENDS, {"torch.pt2": 0.9}).data[0].x) == [24.0]


def test_words_of_marks_side_by_side_lie_in_layers_of_their_own():
    assert rises([0.1, 0.4, 0.9]) == [-40, 40, -76]
    assert len(set(rises([i / 8 for i in range(7)]))) == 7


def test_words_of_near_marks_go_to_different_sides():
    assert len(set(text_places([10.0, 10.2, 40.0], [200.0, 203.0, 100.0]))) > 1


def test_every_backend_has_a_colour_of_its_own_that_means_no_class(spec: ModelSpec):
    colors = [color for _, color in LOOKS.values()]
    assert len(set(colors)) == len(colors)
    assert not set(colors) & {each.color for each in spec.classes}
    assert all(re.fullmatch("#[0-9A-F]{6}", color) for color in colors)
