"""The pet's own colours at its edge, so that a cut-out carries no fringe of the ground it was taken from.

Source: Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021 (blur-fusion, twice). The blurred colours are
found at a smaller scale; the picture's own detail comes in with the last step, at its full size.
"""

from collections.abc import Callable

import cv2
import numpy as np

WORK_SIDE = 1024  # px of the longer side at which colours are blurred
REACHES = (0.09, 0.012)  # of the two blurs, as shares of the longer side: far first, then near
SURER = 4  # power of the first weights: a pixel that is half of each would tint both colours
TINY = 1e-5
Blur = Callable[[np.ndarray], np.ndarray]


def foreground(image: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    """The picture with the pet's own colours where it is half transparent: uint8 (H, W, 3).

    Args:
        image: uint8 (H, W, 3) RGB.
        opacity: uint8 (H, W), 255 = pet. Pixels at 0 and 255 stay as they are.
    """
    pure = image.copy()
    mixed = np.flatnonzero(cv2.inRange(opacity, 1, 254))
    if len(mixed):
        pet, ground = (grown.reshape(-1, 3)[mixed].astype(np.float32) for grown in blurred_colors(image, opacity))
        share = opacity.reshape(-1, 1)[mixed].astype(np.float32) / 255
        seen = image.reshape(-1, 3)[mixed]
        pure.reshape(-1, 3)[mixed] = to_uint8(fuse(seen, pet, ground, share))
    return pure


def blurred_colors(image: np.ndarray, opacity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the pet and the ground look like around each pixel: two uint8 (H, W, 3)."""
    scale = min(1.0, WORK_SIDE / max(opacity.shape))
    size = (max(1, round(opacity.shape[1] * scale)), max(1, round(opacity.shape[0] * scale)))
    seen = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    share = cv2.resize(opacity, size, interpolation=cv2.INTER_AREA).astype(np.float32)[..., None] / 255
    pet, ground = seen, seen
    far, near = (max(1, round(reach * max(size))) for reach in REACHES)
    for blur, power in ((box_blur(far), SURER), (box_blur(near), 1)):
        around_pet = blur_weighted(pet, share**power, blur)
        around_ground = blur_weighted(ground, (1 - share) ** power, blur)
        pet, ground = fuse(seen, around_pet, around_ground, share), around_ground
    full = image.shape[1::-1]
    return cv2.resize(to_uint8(around_pet), full), cv2.resize(to_uint8(around_ground), full)


def box_blur(reach: int) -> Blur:
    """The mean over a square that goes `reach` px to each side."""
    return lambda plane: cv2.blur(plane, (2 * reach + 1, 2 * reach + 1))


def blur_weighted(colors: np.ndarray, weight: np.ndarray, blur: Blur) -> np.ndarray:
    """The weighted mean of the colours around each pixel: float32 (h, w, 3).

    Where nothing around weighs anything, it is the weighted mean of all.

    Args:
        colors: float32 (h, w, 3).
        weight: float32 (h, w, 1), 0 to 1.
        blur: averages an array (h, w, c) over the surroundings of each pixel.
    """
    weighted = colors * weight
    mean = weighted.mean(axis=(0, 1)) / max(float(weight.mean()), TINY)
    return (blur(weighted) + TINY * mean) / (blur(weight)[..., None] + TINY)


def fuse(seen: np.ndarray, pet: np.ndarray, ground: np.ndarray, share: np.ndarray) -> np.ndarray:
    """The pet's colour: its surroundings', moved by what they leave unexplained of the pixel, as far as it is pet.

    Example:
        A pixel of 150, half pet, between a pet of 200 and a ground of 80: expected 140, so 200 + 0.5 * 10 = 205.
    """
    return pet + share * (seen - share * pet - (1 - share) * ground)


def to_uint8(values: np.ndarray) -> np.ndarray:
    """Rounded, and held within 0 to 255."""
    return np.rint(np.clip(values, 0, 255)).astype(np.uint8)
