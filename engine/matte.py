"""How opaque the pet is at each pixel: a soft edge out of the border class and the picture itself.

The network's border class is a band that the true edge runs through. Its middle, where object and background are
equally likely beside the border, is where the edge is expected; within the band the picture says where hair ends and
ground begins, by a guided filter. What is still half opaque goes to the side whose colour it has, pixel by pixel, so
that a whisker is a hair or nothing, and no smear.

Source: He, Sun, Tang, "Guided Image Filtering", IEEE TPAMI 35 (2013), section on feathering; OpenCV's `ximgproc`.
"""

from collections.abc import Iterator

import cv2
import numpy as np

from engine.drawing import Box
from engine.errors import unknown_name
from engine.spec import ModelSpec

EDGES = ("fine", "fast")
DOUBT = 0.06  # what the surroundings weigh against a pixel's own p(object) + p(background)
AROUND = (15, 15)  # px at the model's size: about the width of the border band
NOTHING = 1e-3  # beside this much of either, a pixel far from both is half of each
# Of what is not border, the object's share below which a pixel is clear, and above which it is opaque.
RAMP = (0.25, 0.75)
RADIUS = 0.0125  # of the guided filter, as a share of the longer side: about the half width of the border band
# How much two colours must differ (as a variance, grey levels of 255 squared) to be told apart.
# 1e-4 of the full range: 2.55 levels squared.
EPSILON = 6.5
STRETCH = (0.1, 0.9)  # of what the filter answers: it never quite reaches 0 and 1
TILE = 1024  # px; a large picture is filtered in tiles, and only those that an edge runs through
FULL_SIDE = 1024  # px of the longer side from which on the filter's coefficients are found at a smaller scale
COLOR_SIDE = 192  # px of the longer side at which the colours of pet and ground are averaged
COLOR_REACH = 0.05  # how far around a pixel, as a share of the longer side
SURER = 4  # power of the weights there: a pixel that is half of each would tint both colours
UNLIKE = 600.0  # how much pet and ground must differ in colour for it to be half believed, counted as `EPSILON` is
MOTTLED = 3.0  # how much of the spread of colours within pet and ground adds to that
TINY = 1e-5
# Networks are sure to 1e-8 (the log-odds of ours stay within 18), strokes to 4e-18; a plain 0 was rounded.
SETTLED = 1e-15
FAINT = (0.4, 0.6)  # where nothing around is more opaque than this, there is no hair but a smear


def opacity(image: np.ndarray, probabilities: np.ndarray, spec: ModelSpec, edge: str = "fine") -> np.ndarray:
    """How opaque the pet is: uint8 (H, W), the image's own size; 0 = background, 255 = pet.

    Args:
        image: uint8 (H, W, 3) RGB.
        probabilities: float32 (num_classes, h, w), of any size; sums to 1 over the first axis.
        spec: says which planes are objects.
        edge: "fine": the edge follows the picture; "fast": the probabilities alone.

    Raises:
        InputError: unknown edge.
    """
    if edge not in EDGES:
        raise unknown_name("edge", edge, EDGES)
    share = object_share(probabilities, len(spec.objects))
    rough = soft_step(cv2.resize(cv2.convertScaleAbs(share, alpha=255), image.shape[1::-1]), *RAMP)
    found = rough if edge == "fast" else take_sides(image, follow_picture(image, rough))
    return held(found, probabilities, len(spec.objects))


def held(found: np.ndarray, probabilities: np.ndarray, num_objects: int) -> np.ndarray:
    """The opacity, opaque or clear where that is settled by hand (`engine.touch_up`): uint8 (H, W).

    Args:
        found: uint8 (H, W), the opacity that was found.
        probabilities: float32 (num_classes, h, w), of any size; what has less than `SETTLED` against it is settled.
        num_objects: how many classes after the background are objects.
    """
    background, objects = probabilities[0], probabilities[1 : 1 + num_objects].max(axis=0)
    pet, ground = ((against > 0) & (against < SETTLED) for against in (background, objects))
    for settled, put in ((pet & ~ground, cv2.max), (ground & ~pet, lambda old, new: cv2.min(old, ~new))):
        if settled.any():
            found = put(found, cv2.resize(settled * np.uint8(255), found.shape[::-1]))
    return found


def object_share(probabilities: np.ndarray, num_objects: int) -> np.ndarray:
    """Of what is not border, the share of the objects: float32 (h, w), 0 to 1.

    Where there is little but border, it is the share of the surroundings.

    Example:
        p(background) 0.1, p(cat) 0.2, p(dog) 0.1, p(border) 0.6 everywhere: 0.3 / 0.4 = 0.75. A pixel that is all
        border, with twice as much object as background around it: 0.667.
    """
    background, objects = probabilities[0], probabilities[1 : 1 + num_objects].sum(axis=0)
    around = cv2.blur(objects, AROUND) + NOTHING
    around /= around + cv2.blur(background, AROUND) + NOTHING
    share = (objects + DOUBT * around) / (objects + background + DOUBT)
    share = cv2.blur(share, (3, 3))
    fill_enclosed(share, probabilities[0])
    return share


def fill_enclosed(share: np.ndarray, background: np.ndarray) -> None:
    """Makes opaque what lies within the pet and is no background: a tag at its collar, a leash, a fold.

    The annotations call these border too, but there is no edge to be found.

    Args:
        share: float32 (h, w), as `object_share` gives it; changed.
        background: float32 (h, w), p(background).
    """
    unsure = (share < RAMP[1]).view(np.uint8)
    count, labels = cv2.connectedComponents(unsure, connectivity=4)
    if count > 2:  # more than the pet and one region around it
        has_background = np.bincount(labels[background > 0.5], minlength=count) > 0
        has_background[0] = True  # the pet itself
        if not has_background.all():
            share[cv2.dilate((~has_background)[labels].view(np.uint8), np.ones((3, 3), np.uint8)) > 0] = 1


def soft_step(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below `low`, 255 above `high` (shares of 255), straight between: uint8 from uint8."""
    steps = (np.arange(256) / 255 - low) / (high - low)
    return cv2.LUT(values, np.rint(np.clip(steps, 0, 1) * 255).astype(np.uint8))


def follow_picture(image: np.ndarray, rough: np.ndarray) -> np.ndarray:
    """A soft edge that follows the picture: uint8 (H, W).

    Args:
        image: uint8 (H, W, 3) RGB, the guide.
        rough: uint8 (H, W), the opacity that the probabilities give.
    """
    side = max(rough.shape)
    radius = max(2, round(side * RADIUS))
    step = max(1, side // FULL_SIDE)  # by how much the filter's coefficients are coarser than the picture
    unknown = edge_band(rough, radius)
    fine = rough.copy()
    for inner, outer in tiles(rough.shape, 2 * (radius + step)):
        weight = unknown[inner]
        if not cv2.hasNonZero(weight):
            continue
        found = cv2.ximgproc.guidedFilter(image[outer], rough[outer], radius, EPSILON, scale=1 / step)
        found = soft_step(found[within(inner, outer)], *STRETCH)
        fine[inner] = mixed(found, rough[inner], weight)
    return fine


def take_sides(image: np.ndarray, soft: np.ndarray) -> np.ndarray:
    """The same edge without smears: a hair stays and the gaps beside it clear up, by their colours: uint8 (H, W).

    A pixel of opacity a may become anything from 2a - 1 to 2a, so what is sure stays as it is; see `pull_of_color`.

    Args:
        image: uint8 (H, W, 3) RGB.
        soft: uint8 (H, W), as `follow_picture` gives it.
    """
    if not cv2.hasNonZero(cv2.inRange(soft, 1, 254)):
        return soft
    small = shrunk(soft, FULL_SIDE, cv2.INTER_LINEAR)
    # About half at each step, so that no hair falls through; averaging all at once takes several times as long.
    colors = cv2.resize(shrunk(image, 2 * FULL_SIDE, cv2.INTER_LINEAR), small.shape[::-1])
    pull = pull_of_color(colors, small)
    reach = max(1, round(max(small.shape) * RADIUS / 2))
    peak = cv2.dilate(pulled(small, pull), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    pull = cv2.multiply(pull, soft_step(peak, *FAINT), scale=1 / 255)
    return pulled(soft, cv2.resize(pull, soft.shape[::-1]))


def pulled(soft: np.ndarray, pull: np.ndarray) -> np.ndarray:
    """From 2a - 1 where the pull is 0 to 2a where it is 255: uint8 (H, W) from two of them."""
    return cv2.addWeighted(soft, 2, pull, 1, -255)


def pull_of_color(image: np.ndarray, soft: np.ndarray) -> np.ndarray:
    """Where a pixel's colour would have its opacity, from 0 for 2a - 1 to 255 for 2a: uint8 (h, w).

    Where pet and ground differ, that is the pet's share in the colour; where they look alike or are mottled, it is
    2a - 0.5, an edge twice as steep.

    Args:
        image: uint8 (h, w, 3) RGB.
        soft: uint8 (h, w), opacity.

    Example:
        An opacity of 0.4 may become 0 to 0.8. It is 0.8 in the pet's colour, 0 in the ground's, 0.5 in one that is half
        of each, and 0.3 where the two look alike.
    """
    colors, share = shrunk(image, COLOR_SIDE).astype(np.float32), shrunk(soft, COLOR_SIDE)
    sure = (np.arange(256, dtype=np.float32) / 255) ** SURER
    weights = (cv2.LUT(share, sure), cv2.LUT(share, sure[::-1].copy()))
    unsure = np.flatnonzero(cv2.dilate(cv2.inRange(soft, 1, 254), np.ones((3, 3), np.uint8)))
    around = (cv2.resize(colors_around(colors, weight), soft.shape[::-1]) for weight in weights)
    pet, ground = (found.reshape(-1, 4)[unsure] for found in around)
    apart = pet[:, :3] - ground[:, :3]
    contrast = np.einsum("ij,ij->i", apart, apart)
    along = np.einsum("ij,ij->i", image.reshape(-1, 3)[unsure] - ground[:, :3], apart)
    in_color = np.clip(along / np.maximum(contrast, TINY), 0, 1)
    believed = contrast / (contrast + UNLIKE + MOTTLED * (pet[:, 3] + ground[:, 3]))
    middle = 2 / 255 * soft.reshape(-1)[unsure].astype(np.float32) - 0.5
    pull = np.full(soft.shape, 128, np.uint8)
    pull.reshape(-1)[unsure] = np.rint(255 * np.clip(0.5 + believed * (in_color - middle), 0, 1))
    return pull


def colors_around(colors: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weighted mean and spread of the colours around each pixel: float32 (h, w, 4), R, G, B and their variance.

    Args:
        colors: float32 (h, w, 3).
        weight: float32 (h, w), 0 to 1.
    """
    reach = max(1, round(max(weight.shape) * COLOR_REACH))
    planes = np.dstack([colors, (colors * colors).sum(axis=2), np.ones_like(weight)]) * weight[..., None]
    planes = cv2.blur(planes, (2 * reach + 1, 2 * reach + 1))
    found = planes[..., :4] / (planes[..., 4:] + TINY)
    found[..., 3] = np.maximum(found[..., 3] - (found[..., :3] ** 2).sum(axis=2), 0)
    return found


def shrunk(plane: np.ndarray, side: int, how: int = cv2.INTER_AREA) -> np.ndarray:
    """An image whose longer side is at most `side` px: uint8 (h, w) or (h, w, 3)."""
    scale = side / max(plane.shape[:2])
    size = (max(1, round(plane.shape[1] * scale)), max(1, round(plane.shape[0] * scale)))
    return plane if scale >= 1 else cv2.resize(plane, size, interpolation=how)


def edge_band(rough: np.ndarray, radius: int) -> np.ndarray:
    """How unknown the opacity is: uint8 (H, W), 255 in the band around the edge, fading out, 0 far from it."""
    step = max(1, radius // 4)
    small = rough[::step, ::step]
    band = cv2.inRange(small, 3, 252)
    # An edge may be hard, from 0 to 255 at once.
    band = cv2.bitwise_or(band, cv2.morphologyEx(small, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)))
    reach = 2 * max(1, radius // step // 2) + 1
    band = cv2.dilate(band, np.ones((reach, reach), np.uint8))
    return cv2.resize(cv2.blur(band, (reach, reach)), rough.shape[::-1])


def mixed(new: np.ndarray, old: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """`new` where the weight is 255, `old` where it is 0: uint8 (H, W)."""
    return cv2.add(cv2.multiply(new, weight, scale=1 / 255), cv2.multiply(old, cv2.bitwise_not(weight), scale=1 / 255))


def tiles(size_hw: tuple[int, ...], margin: int) -> Iterator[tuple[Box, Box]]:
    """Rows and columns of each tile of a picture, and of the same with a margin as far as the picture goes."""
    height, width = size_hw[:2]
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            bottom, right = min(top + TILE, height), min(left + TILE, width)
            rows = slice(max(0, top - margin), min(height, bottom + margin))
            columns = slice(max(0, left - margin), min(width, right + margin))
            yield (slice(top, bottom), slice(left, right)), (rows, columns)


def within(inner: Box, outer: Box) -> Box:
    """Where a tile lies in the same tile with its margin."""
    (top, left), (rows, columns) = ((box.start for box in outer), inner)
    return slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
