"""Pictures for the page: fitted to it, and where two masks disagree. Arrays in, arrays out."""

import cv2
import numpy as np

from engine.drawing import DARK, Box, box_of, rgb, thin_line
from engine.spec import ModelSpec

MAX_SIDE = 1100  # px of a picture shown on the page; what is downloaded has the photo's own size
MARGIN = 24  # around a pet that is shown alone, its longer side over this
DASH = 28  # dashes of an outline are the longer side of the picture over this, gaps among them
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


def crop_to(alpha: np.ndarray) -> Box:
    """Rows and columns of what is opaque in uint8 (H, W), and a margin; all of it where nothing is."""
    box = box_of(alpha)
    if box is None:
        return slice(0, alpha.shape[0]), slice(0, alpha.shape[1])
    rows, columns = box
    margin = round(max(rows.stop - rows.start, columns.stop - columns.start) / MARGIN)
    return box_of(alpha, margin) or box


def dashed_outline(image: np.ndarray, mask: np.ndarray, spec: ModelSpec) -> np.ndarray:
    """The picture with a dashed line around what may be a pet, in its class's colour: uint8 (H, W, 3).

    Args:
        image: uint8 (H, W, 3) RGB.
        mask: uint8 (H, W), class ids.
        spec: says the colours.
    """
    drawn = image.copy()
    width = thin_line(mask.shape)
    dash = max(10 * width, round(max(mask.shape) / DASH))
    for class_id, each in enumerate(spec.objects, start=1):
        smooth = cv2.medianBlur((mask == class_id).view(np.uint8) * np.uint8(255), 5)
        contours, _ = cv2.findContours(smooth, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        for contour in contours:
            if len(contour) < 2 * dash:
                continue
            dashes = [contour[start : start + dash // 2] for start in range(0, len(contour), dash)]
            for color, thickness in ((DARK, 2 * width + 2), (rgb(each.color), 2 * width)):
                cv2.polylines(drawn, dashes, isClosed=False, color=color, thickness=thickness, lineType=cv2.LINE_AA)
    return drawn
