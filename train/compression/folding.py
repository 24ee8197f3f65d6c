"""Weights as one constant each, which is what NNCF quantizes.

A model that is stored in 16 bits (`python -m train export --half`) holds, for the weights of a convolution, a constant,
its conversion to float32 and its product with the scale of a batch norm. NNCF leaves such a convolution in float32:
its weights are no constant. Computed once, they are.
"""

import openvino as ov
from openvino import opset13

from engine.backends.openvino import COMPILE_OPTIONS

CONVOLUTIONS = ("Convolution", "GroupConvolution")


def fold_weights(model: ov.Model) -> int:
    """Replaces what computes a convolution's weights from constants by its float32 result, in place.

    Returns:
        How many convolutions had such weights.
    """
    core, folded = ov.Core(), 0
    for node in model.get_ops():
        if node.get_type_name() not in CONVOLUTIONS:
            continue
        weights = node.input_value(1)
        if weights.get_node().get_type_name() == "Constant" or not is_constant(weights.get_node()):
            continue
        compiled = core.compile_model(ov.Model([weights], []), "CPU", COMPILE_OPTIONS)
        node.input(1).replace_source_output(opset13.constant(compiled([])[0].copy()).output(0))
        folded += 1
    return folded


def is_constant(node: ov.Node) -> bool:
    """Whether a node hangs on constants only."""
    sources = [node.input_value(index).get_node() for index in range(node.get_input_size())]
    return node.get_type_name() == "Constant" or (bool(sources) and all(map(is_constant, sources)))
