"""Pictures of a result: overlay, disagreement map. Arrays in, arrays out."""

import cv2
import numpy as np

from engine.spec import ModelSpec

MAX_SIDE = 1600  # px of a picture shown on the page; what is downloaded has the photo's own size
TINT = 0.45  # how much of the class's colour lies over the photo
OUTLINE = (26, 26, 26)
DISAGREEMENT = "#D55E00"


def rgb(color: str) -> tuple[int, int, int]:
    """ "#E69F00" to (230, 159, 0)."""
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


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


def overlay(image: np.ndarray, mask: np.ndarray, spec: ModelSpec) -> np.ndarray:
    """The photo with each object tinted in its class's colour and outlined.

    Args:
        image: uint8 (H, W, 3) RGB.
        mask: uint8 (H, W), class ids.
    """
    drawn = image.copy()
    for index, each in enumerate(spec.objects, start=1):
        where = mask == index
        tinted = image[where] * (1 - TINT) + np.array(rgb(each.color)) * TINT
        drawn[where] = np.rint(tinted).astype(np.uint8)
    line = outline(mask)[..., None]
    return np.rint(drawn * (1 - line) + np.array(OUTLINE) * line).astype(np.uint8)


def outline(mask: np.ndarray) -> np.ndarray:
    """Opacity, 0 to 1, of a soft line along the edges of a mask; the picture's own frame is no edge."""
    width = max(2, round(max(mask.shape) / 250))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width + 1, width + 1))
    edge = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, kernel, borderType=cv2.BORDER_REPLICATE) > 0
    return cv2.GaussianBlur(edge.astype(np.float32), (0, 0), 0.7)


def disagreement(image: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Where two masks differ, over the faded grey photo: uint8 (H, W, 3).

    The differing pixels are a line or two wide, so they are thickened by a pixel where the picture is shown small.
    """
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    drawn = (grey // 2 + 100).astype(np.uint8)
    differs = cv2.dilate((left != right).astype(np.uint8), np.ones((2, 2), np.uint8))
    drawn[differs > 0] = rgb(DISAGREEMENT)
    return drawn
