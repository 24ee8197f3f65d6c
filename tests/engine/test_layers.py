"""Layers in words and sums by hand; and what OpenVINO says of the committed model."""

import pytest

from engine.backends import FP32_BACKEND as FP32
from engine.backends import INT8_BACKEND as INT8
from engine.backends import PROFILED
from engine.errors import InputError
from engine.layers import Layer, dearest, layer_in_words, precision_changes, profile, summarise


def layer(name: str, ms: float, precision: str = "INT8", kind: str = "Convolution", inputs: tuple = ()) -> Layer:
    return Layer(name, kind, f"what {name} does", precision, ms, inputs)


# a (INT8) goes to b (FP32), and both to c (INT8): two connections change the precision, a to c does not.
LAYERS = [
    layer("a", 5.0),
    layer("b", 1.0, "FP32", "Interpolate", inputs=("a",)),
    layer("c", 2.0, inputs=("a", "b", "a constant")),
]


@pytest.fixture(scope="module")
def profiled(model) -> dict:
    return profile(model, calls=5)


@pytest.mark.parametrize(
    ("kind", "inputs", "output", "words"),
    [
        (
            "Convolution",
            [(1, 88, 80, 80), (48, 88, 3, 3)],
            (1, 48, 80, 80),
            "3x3 convolution, 88 to 48 channels, 80 x 80",
        ),
        # Weights of groups have five axes; here each of 96 channels is a group.
        (
            "Convolution",
            [(1, 96, 40, 20), (96, 1, 1, 5, 5)],
            (1, 96, 40, 20),
            "depthwise 5x5 convolution, 96 channels, 40 x 20",
        ),
        ("Interpolate", [(1, 4, 80, 80), (2,)], (1, 4, 320, 320), "Interpolate, 4 channels, 320 x 320"),
        ("FullyConnected", [(1, 96), (10, 96)], (1, 10), "matrix product, 96 to 10 channels"),
        (
            "FullyConnected",
            [(1, 401, 96), (10, 96), (0,)],
            (1, 401, 10),
            "matrix product, 96 to 10 channels, 401 tokens",
        ),
        ("FullyConnected", [(1, 96)], (1, 10), "FullyConnected"),
        (
            "Subgraph",
            [(1, 3, 401, 64), (1, 3, 64, 401), (1, 3, 401, 64)],
            (1, 401, 3, 64),
            "attention, 3 heads, 401 tokens",
        ),
        ("Subgraph", [(1, 3, 20, 20)] * 3, (1, 3, 20, 20), "Subgraph, 3 channels, 20 x 20"),
        ("Subgraph", [(1, 3, 20, 20)] * 2, (1, 3, 20, 20), "Subgraph, 3 channels, 20 x 20"),
        ("Convolution", [(1, 88, 80, 80)], (1, 48, 80, 80), "Convolution, 48 channels, 80 x 80"),
    ],
)
def test_a_layer_is_described_from_its_shapes(kind, inputs, output, words):
    assert layer_in_words(kind, inputs, output) == words


def test_a_summary_adds_up_times_by_type_and_precision():
    # 5 + 1 + 2 = 8 ms, of which 7 in INT8: 0.875.
    summary = summarise(LAYERS)
    assert (summary["total_ms"], summary["int8_share"], summary["precision_changes"]) == (8, 0.875, 2)
    assert summary["by_type"] == [
        {"type": "Convolution", "precision": "INT8", "count": 2, "ms": 7, "share": 0.875},
        {"type": "Interpolate", "precision": "FP32", "count": 1, "ms": 1, "share": 0.125},
    ]


def test_precision_changes_hands_on_a_connection_between_two_precisions():
    assert precision_changes(LAYERS) == [
        {"after": "what a does", "before": "what b does", "from": "INT8", "to": "FP32"},
        {"after": "what b does", "before": "what c does", "from": "FP32", "to": "INT8"},
    ]


def test_one_precision_never_changes_hands():
    assert precision_changes([layer("a", 1), layer("b", 1, inputs=("a",))]) == []


def test_the_dearest_layers_are_those_of_the_last_backend_beside_the_others():
    # In the last backend c takes 6 of 8 ms and d 2; d was fused away in the first one.
    layers = {
        FP32: [layer("c", 9.0, "FP32"), layer("a", 1.0, "FP32")],
        INT8: [layer("d", 2.0), layer("c", 6.0)],
    }
    assert dearest(layers) == [
        {"name": "c", "what": "what c does", "share": 0.75, "ms": {FP32: 9, INT8: 6},
         "precision": {FP32: "FP32", INT8: "INT8"}},
        {"name": "d", "what": "what d does", "share": 0.25, "ms": {INT8: 2}, "precision": {INT8: "INT8"}},
    ]  # fmt: skip
    assert [row["name"] for row in dearest(layers, count=1)] == ["c"]


@pytest.mark.slow
def test_the_committed_model_executes_in_the_precision_of_its_name(profiled):
    assert list(profiled["backends"]) == list(PROFILED) == [FP32, INT8]
    # Only the layer that turns the picture's bytes about, before they become floats, is one of bytes.
    assert profiled["backends"][FP32]["int8_share"] < 0.1
    assert profiled["backends"][INT8]["int8_share"] > 0.5


@pytest.mark.slow
def test_the_parts_of_a_profile_add_up(profiled):
    for entry in profiled["backends"].values():
        assert sum(group["ms"] for group in entry["by_type"]) == pytest.approx(entry["total_ms"])
        assert sum(group["share"] for group in entry["by_type"]) == pytest.approx(1)
        assert entry["precision_changes"] == len(entry["changes"])
        assert not {group["type"] for group in entry["by_type"]} & {"Const", "Input", "Output"}


def test_the_ten_dearest_layers_come_the_dearest_first(profiled):
    times = [row["ms"][INT8] for row in profiled["dearest"]]
    assert len(times) == 10
    assert times == sorted(times, reverse=True)
    assert any("convolution" in row["what"] for row in profiled["dearest"])


def test_layers_of_another_runtime_cannot_be_told_apart(model):
    with pytest.raises(InputError, match="The layers of torch cannot be told apart; those of openvino-fp32, openvino"):
        profile(model, ("torch",))
