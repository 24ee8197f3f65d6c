"""The pet alone, on nothing."""

import numpy as np

from engine.segmenter import Segmentation

# Below the first probability a pixel is clear, above the second it is opaque, between them the edge is soft.
EDGE = (0.25, 0.75)


def cut_out(image: np.ndarray, segmentation: Segmentation) -> np.ndarray:
    """The picture with a transparent background.

    Args:
        image: uint8 (H, W, 3) RGB, at the picture's own size.
        segmentation: of that picture.

    Returns:
        uint8 (H, W, 4) RGBA, alpha not premultiplied.
    """
    low, high = EDGE
    opacity = np.clip((1 - segmentation.probabilities[0] - low) / (high - low), 0, 1)
    return np.dstack([image, np.rint(opacity * 255).astype(np.uint8)])
