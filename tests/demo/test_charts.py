"""The latency chart holds the medians that were measured, with units."""

import numpy as np
import pytest

from demo.charts import latency_chart
from demo.lanes import LANES


def samples_of(*stages: float) -> np.ndarray:
    return np.tile(np.array(stages, float), (5, 1))


def test_bars_stack_the_medians_of_the_stages():
    figure = latency_chart(
        {"torch": samples_of(1, 37, 2), "openvino-int8": samples_of(1, 6, 1)}, ("torch", "openvino-int8")
    )
    by_stage = {bar.name: dict(zip(bar.y, bar.x, strict=True)) for bar in figure.data}
    assert by_stage["infer"] == {"<b>OpenVINO INT8 ◂</b>": 6, "<b>PyTorch ◂</b>": 37}
    assert [bar.name for bar in figure.data] == ["preprocess", "infer", "postprocess"]


def test_bars_say_milliseconds_and_speed_up_over_pytorch():
    figure = latency_chart({"torch": samples_of(1, 37, 2), "openvino-int8": samples_of(1, 6, 1)}, ())
    # 40 ms and 8 ms: 5.0x
    assert [a.text for a in figure.layout.annotations] == ["<b>8.0 ms</b>  5.0x", "<b>40.0 ms</b>"]
    assert "milliseconds" in figure.layout.xaxis.title.text


def test_the_text_of_every_bar_has_room():
    # 40 ms with 0.30 of the width for "40.0 ms": 57.1 ms; 39 ms with 0.44 of it for "39.0 ms  1.0x": 69.6 ms.
    alone = latency_chart({"torch": samples_of(0, 40, 0), "openvino-int8": samples_of(0, 8, 0)}, ())
    assert alone.layout.xaxis.range == pytest.approx((0, 40 / 0.70))
    nearly_alike = latency_chart({"torch": samples_of(0, 40, 0), "torchscript": samples_of(0, 39, 0)}, ())
    assert nearly_alike.layout.xaxis.range == pytest.approx((0, 39 / 0.56))


def test_only_the_chosen_backends_are_marked():
    figure = latency_chart({"torch": samples_of(1, 1, 1), "torchscript": samples_of(1, 1, 1)}, ("torch",))
    assert list(figure.data[0].y) == ["TorchScript", "<b>PyTorch ◂</b>"]


def test_every_backend_has_a_colour_of_its_own():
    colors = [color for _, color in LANES.values()]
    assert len(set(colors)) == len(colors)
