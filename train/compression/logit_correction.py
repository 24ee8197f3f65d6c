"""Takes a constant error off the logits of an INT8 model.

NNCF's bias correction puts the mean of each layer back over all pixels, and nearly all of them are certain. A mask
changes where they are not: along outlines, where two classes are near each other. There the INT8 logits may still be
off by the same amount in every picture (fastsegnet-large's background is 0.2 too high and its border is not: outlines
move inwards). So the last bias is moved by the mean difference there. The target is what FP32 answers; no annotation
is read.

Source: Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019
(arXiv:1906.04721), section 4.2, here for the last layer alone and for the pixels that are in doubt.
"""

from collections.abc import Iterable

import numpy as np
import openvino as ov
from openvino import opset13

from engine.backends.openvino import COMPILE_OPTIONS
from engine.errors import InferenceError

IN_DOUBT = 1.0  # a pixel is, where FP32's two largest logits differ by less
# What may lie between the last bias and the logits, since it moves pixels alone: the shuffle of pixels, as one node or
# as the three that it is exported as, and an interpolation.
MOVES_PIXELS = ("DepthToSpace", "Reshape", "Transpose", "Interpolate")


def correct_logits(quantized: ov.Model, reference: ov.Model, pictures: Iterable[np.ndarray]) -> np.ndarray:
    """Moves the last bias of `quantized`, in place, by its mean error on pixels in doubt.

    Args:
        quantized: the INT8 model; its logits are (N, C, H, W).
        reference: the FP32 model.
        pictures: calibration pictures, uint8 (1, h, w, 3) each.

    Returns:
        What was added to the logits of each class: float64 (C,); nothing where no pixel is in doubt.

    Raises:
        InferenceError: the model does not end in a bias.
    """
    bias = last_bias(quantized)
    shift = -mean_error(quantized, reference, pictures)
    values = bias.get_node().get_data()
    # Where a class has several channels, they lie beside each other (`train.networks.fastsegnet_cnn.PixelShuffle`).
    moved = values + np.repeat(shift, values.size // shift.size).reshape(values.shape).astype(values.dtype)
    (user,) = bias.get_target_inputs()
    user.replace_source_output(opset13.constant(moved).output(0))
    return shift


def mean_error(quantized: ov.Model, reference: ov.Model, pictures: Iterable[np.ndarray]) -> np.ndarray:
    """By how much the logits of each class are too high, on average over pixels in doubt: float64 (C,)."""
    core = ov.Core()
    int8, fp32 = (core.compile_model(model, "CPU", COMPILE_OPTIONS) for model in (quantized, reference))
    total, count = np.zeros(1), 0
    for picture in pictures:
        expected, found = fp32([picture])[0], int8([picture])[0]
        second, first = np.partition(expected, -2, axis=1)[0, -2:]
        in_doubt = first - second < IN_DOUBT
        total = total + (found - expected)[0][:, in_doubt].sum(axis=1, dtype=np.float64)
        count += int(in_doubt.sum())
    return total / max(1, count)


def last_bias(model: ov.Model) -> ov.Output:
    """The constant that is added last before the logits, one value a channel.

    Raises:
        InferenceError: there is none.
    """
    node = model.get_results()[0].input_value(0).get_node()
    while node.get_type_name() in MOVES_PIXELS:
        node = node.input_value(0).get_node()
    if node.get_type_name() == "Add":
        for value in (node.input_value(0), node.input_value(1)):
            if value.get_node().get_type_name() == "Constant" and len(value.get_target_inputs()) == 1:
                return value
    raise InferenceError(
        f"The model ends in {node.get_type_name()} {node.get_friendly_name()}, not in a bias that could be corrected. "
        "Leave --logit-correction out."
    )
