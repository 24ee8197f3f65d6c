"""What is drawn on a picture: colours, grounds, lines along an edge. Arrays in, arrays out."""

import cv2
import numpy as np

from engine.errors import InputError
from engine.spec import ModelSpec

TINT = 0.45  # how much of the class's colour lies over the photo
DARK = (26, 26, 26)
THIN = 250  # a thin line is the longer side of the picture over this

Box = tuple[slice, slice]  # rows, columns


def rgb(color: str) -> tuple[int, int, int]:
    """ "#E69F00" to (230, 159, 0).

    Raises:
        InputError: it is not a "#" and six hexadecimal digits.
    """
    digits = color[1:] if color.startswith("#") else ""
    if len(digits) != 6 or not set(digits.lower()) <= set("0123456789abcdef"):
        raise InputError(f"{color!r} is not a colour we can read. Give it as #RRGGBB, for example #009E73.")
    red, green, blue = bytes.fromhex(digits)
    return red, green, blue


def plain(color: str, size_hw: tuple[int, int]) -> np.ndarray:
    """A ground of one colour, "#RRGGBB": uint8 (H, W, 3)."""
    return filled(rgb(color), size_hw)


def filled(color: tuple[int, int, int], size_hw: tuple[int, ...]) -> np.ndarray:
    """A ground of one colour, RGB: uint8 (H, W, 3)."""
    height, width = size_hw[:2]
    # Copying a row is six times as fast as setting pixels.
    return np.repeat(np.array([[color]], np.uint8).repeat(width, axis=1), height, axis=0)


def cover(picture: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """A picture that fills another size, its aspect kept, its middle shown: uint8 (H, W, 3).

    Example:
        A picture of 200 x 100 px (w x h) that is to cover 50 x 50: its middle 100 x 100, at half its scale.
    """
    (have_h, have_w), (height, width) = picture.shape[:2], size_hw
    scale = max(height / have_h, width / have_w)
    crop_h, crop_w = min(have_h, max(1, round(height / scale))), min(have_w, max(1, round(width / scale)))
    top, left = (have_h - crop_h) // 2, (have_w - crop_w) // 2
    middle = picture[top : top + crop_h, left : left + crop_w]
    return cv2.resize(middle, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


def blend(front: np.ndarray, back: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    """`front` over `back`: uint8 (H, W, 3), right to one grey level.

    Args:
        front, back: uint8 (H, W, 3).
        opacity: uint8 (H, W) of `front`, 255 = opaque.

    Example:
        200 over 100 at opacity 51 (a fifth): 200 * 51 / 255 + 100 * 204 / 255 = 120.
    """
    share = cv2.merge([opacity] * 3)
    drawn = cv2.multiply(front, share, scale=1 / 255)
    return cv2.add(drawn, cv2.multiply(back, cv2.bitwise_not(share), scale=1 / 255), dst=drawn)


def overlay_mask(image: np.ndarray, mask: np.ndarray, spec: ModelSpec) -> np.ndarray:
    """The picture with each object tinted in its class's colour and outlined: uint8 (H, W, 3).

    Args:
        image: uint8 (H, W, 3) RGB.
        mask: uint8 (H, W), class ids.
        spec: says the colours.
    """
    drawn = image.copy()
    for index, each in enumerate(spec.objects, start=1):
        where = cv2.inRange(mask, index, index)
        box = box_of(where)
        if box is None:
            continue
        cv2.copyTo(tint(image[box], each.color), where[box], drawn[box])
        draw_edge(drawn, where, (DARK, thin_line(mask.shape)))
    return drawn


def tint(image: np.ndarray, color: str) -> np.ndarray:
    """The picture under a glass of a colour: uint8 (H, W, 3)."""
    return cv2.addWeighted(image, 1 - TINT, plain(color, image.shape[:2]), TINT, 0)


def box_of(where: np.ndarray, margin: int = 0) -> Box | None:
    """Rows and columns of the smallest box around what is not 0, and a margin; None where all is 0.

    Args:
        where: uint8 (H, W).
        margin: px, as far as the picture goes.
    """
    left, top, width, height = cv2.boundingRect(where)
    if not width:
        return None
    rows = slice(max(0, top - margin), min(where.shape[0], top + height + margin))
    return rows, slice(max(0, left - margin), min(where.shape[1], left + width + margin))


def thin_line(size_hw: tuple[int, ...]) -> int:
    """Width of a thin line on a picture of that size, px: 2 at least."""
    return max(2, round(max(size_hw) / THIN))


def draw_edge(image: np.ndarray, where: np.ndarray, *lines: tuple[tuple[int, int, int], float]) -> None:
    """Draws smooth lines along the edge of a region into `image`; the picture's own frame is no edge.

    Args:
        image: uint8 (H, W, 3), drawn upon.
        where: uint8 (H, W), 0 outside the region and 255 in it.
        lines: colour (RGB) and width (px) of each, one over the other.
    """
    reach = round(2 * max(width for _, width in lines))
    box = box_of(where, margin=reach)
    if box is None:
        return
    nearness = blurred_step(where[box], reach)
    for color, width in lines:
        part = image[box]
        image[box] = blend(filled(color, part.shape), part, line_opacity(nearness, reach, width))


def blurred_step(where: np.ndarray, reach: int) -> np.ndarray:
    """A region averaged twice over squares of `reach` px: uint8 (H, W).

    It rises from 0 to 255 over `reach` px on either side of an edge, so it tells how far the edge is, and has lost the
    stairs of the pixels.
    """
    square = (reach, reach)
    # Squares with an even side lie half a pixel to the left and above; the second is anchored to make up for it.
    once = cv2.blur(where, square, borderType=cv2.BORDER_REPLICATE)
    return cv2.blur(once, square, anchor=((reach - 1) // 2,) * 2, borderType=cv2.BORDER_REPLICATE)


def line_opacity(nearness: np.ndarray, reach: int, width: float) -> np.ndarray:
    """Opacity of a line along an edge: uint8 (H, W), from `blurred_step` of the same `reach`.

    At a distance d outside a straight edge the step is ((reach - d) / reach)^2 / 2, so d = reach * (1 - sqrt(2 step)).
    """
    step = np.arange(256) / 255
    distance = reach * (1 - np.sqrt(2 * np.minimum(step, 1 - step)))
    opacity = np.clip(width / 2 + 0.5 - distance, 0, 1)
    return cv2.LUT(nearness, np.rint(opacity * 255).astype(np.uint8))
