"""The pet alone, on nothing: pictures with a transparent ground."""

import cv2
import numpy as np

from engine.drawing import blurred_step
from engine.foreground import foreground
from engine.matte import opacity
from engine.spec import ModelSpec

PAPER = 60  # the white around a sticker is as wide as the longer side of the picture over this


def cut_out(image: np.ndarray, probabilities: np.ndarray, spec: ModelSpec, edge: str = "fine") -> np.ndarray:
    """The picture with a transparent ground.

    Args:
        image: uint8 (H, W, 3) RGB.
        probabilities: float32 (num_classes, h, w), of any size.
        spec: says which planes are objects.
        edge: as `engine.matte.opacity` takes it.

    Returns:
        uint8 (H, W, 4) RGBA, alpha not premultiplied; colours are 0 where it is.
    """
    return on_nothing(image, opacity(image, probabilities, spec, edge))


def on_nothing(image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """The picture at an opacity, its edge in the pet's own colours: uint8 (H, W, 4) RGBA.

    Args:
        image: uint8 (H, W, 3) RGB.
        alpha: uint8 (H, W).
    """
    rgba = np.zeros((*alpha.shape, 4), np.uint8)
    cv2.copyTo(cv2.merge([foreground(image, alpha), alpha]), alpha, rgba)
    return rgba


def sticker(image: np.ndarray, probabilities: np.ndarray, spec: ModelSpec, edge: str = "fine") -> np.ndarray:
    """The pet with a white outline on a transparent ground: uint8 (H, W, 4) RGBA. Arguments as for `cut_out`."""
    alpha = opacity(image, probabilities, spec, edge)
    return np.dstack([on_paper(foreground(image, alpha), alpha), paper(alpha)])


def on_paper(pet: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """The pet over white: uint8 (H, W, 3)."""
    drawn = cv2.multiply(pet, cv2.merge([alpha] * 3), scale=1 / 255)
    return cv2.add(drawn, cv2.merge([cv2.bitwise_not(alpha)] * 3))


def paper(alpha: np.ndarray) -> np.ndarray:
    """Opacity of the white that a sticker is printed on: the pet and a margin around it, uint8 (H, W).

    Args:
        alpha: uint8 (H, W), of the pet.
    """
    width = max(3.0, max(alpha.shape) / PAPER)
    # Single hairs would each get a round of paper, and the margin would look frayed.
    outside = cv2.inRange(blurred_step(alpha, round(width)), 0, 127)
    # To the centre of a pixel of the pet: half a pixel from its edge, and the centre of the next one is another half.
    away = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_5)
    return cv2.max(cv2.convertScaleAbs(np.maximum(width + 1 - away, 0), alpha=255), alpha)
