"""Weights computed from constants become constants, with the same answers."""

import numpy as np
import openvino as ov
from openvino import opset13

from engine.spec import Model
from train.compression.folding import fold_weights


def convolution(weights: ov.Node, groups: bool = False) -> ov.Model:
    batch = opset13.parameter([1, 2, 4, 4], np.float32)
    operation = opset13.group_convolution if groups else opset13.convolution
    return ov.Model([operation(batch, weights, [1, 1], [0, 0], [0, 0], [1, 1])], [batch])


def answer(model: ov.Model) -> np.ndarray:
    batch = np.random.default_rng(0).normal(size=(1, 2, 4, 4)).astype(np.float32)
    return ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})([batch])[0]


def halves(shape: tuple[int, ...]) -> ov.Node:
    """Weights in 16 bits times a scale of 3 for each."""
    stored = opset13.constant(np.random.default_rng(1).normal(size=shape).astype(np.float16))
    return opset13.multiply(opset13.convert(stored, np.float32), opset13.constant(np.full(shape, 3, np.float32)))


def weights_of(model: ov.Model) -> ov.Node:
    (node,) = (op for op in model.get_ops() if op.get_type_name().endswith("Convolution"))
    return node.input_value(1).get_node()


def test_scaled_weights_of_16_bits_become_one_constant():
    for groups, shape in ((False, (5, 2, 3, 3)), (True, (2, 1, 1, 3, 3))):
        model = convolution(halves(shape), groups)
        before = answer(model)
        assert fold_weights(model) == 1
        assert weights_of(model).get_type_name() == "Constant"
        assert weights_of(model).get_output_element_type(0) == ov.Type.f32
        np.testing.assert_allclose(answer(model), before, atol=1e-5)


def test_weights_that_are_constants_already_stay():
    model = convolution(opset13.constant(np.ones((5, 2, 3, 3), np.float32)))
    kept = weights_of(model)
    assert fold_weights(model) == 0
    assert weights_of(model) == kept


def test_weights_that_hang_on_the_input_stay():
    batch = opset13.parameter([1, 2, 4, 4], np.float32)
    weights = opset13.multiply(batch, opset13.constant(np.float32(2)))
    model = ov.Model([opset13.convolution(batch, weights, [1, 1], [0, 0], [0, 0], [1, 1])], [batch])
    assert fold_weights(model) == 0


def test_the_larger_model_has_such_weights_and_they_are_quantized():
    source = ov.Core().read_model(Model.open("fastsegnet-large").artefact("openvino-fp32.xml"))
    assert fold_weights(source) == 32
    quantized = ov.Core().read_model(Model.open("fastsegnet-large").artefact("openvino-int8.xml"))
    depthwise = [op.input_value(1).get_node() for op in quantized.get_ops() if op.get_type_name() == "GroupConvolution"]
    assert len(depthwise) == 6
    assert all(ov.Type.i8 in stored_types(weights) for weights in depthwise)


def stored_types(node: ov.Node) -> set[ov.Type]:
    """The element types of the constants that a node hangs on."""
    if node.get_type_name() == "Constant":
        return {node.get_output_element_type(0)}
    return set().union(*(stored_types(node.input_value(index).get_node()) for index in range(node.get_input_size())))
