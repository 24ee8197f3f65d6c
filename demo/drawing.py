"""Pictures for the page: fitted to it, and where two masks disagree. Arrays in, arrays out."""

import cv2
import numpy as np

from engine.drawing import rgb

MAX_SIDE = 1600  # px of a picture shown on the page; what is downloaded has the photo's own size
DISAGREEMENT = "#D55E00"


def fit_for_page(image: np.ndarray) -> np.ndarray:
    """The picture at `MAX_SIDE` at the most: uint8 (h, w, 3)."""
    height, width = image.shape[:2]
    scale = MAX_SIDE / max(height, width)
    if scale >= 1:
        return image
    return cv2.resize(image, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)


def fit_mask(mask: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """A mask at another size, labels kept: uint8 (h, w)."""
    if mask.shape == size_hw:
        return mask
    return cv2.resize(mask, size_hw[::-1], interpolation=cv2.INTER_NEAREST)


def disagreement(image: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Where two masks differ, over the faded grey photo: uint8 (H, W, 3).

    The differing pixels are a line or two wide, so they are thickened by a pixel where the picture is shown small.
    """
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    drawn = (grey // 2 + 100).astype(np.uint8)
    differs = cv2.dilate((left != right).astype(np.uint8), np.ones((2, 2), np.uint8))
    drawn[differs > 0] = rgb(DISAGREEMENT)
    return drawn
