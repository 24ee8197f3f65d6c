"""An answer touched up by hand: strokes "pet" and "not pet", and the edge around them fitted to the picture again.

Under a stroke the answer is certain; as far around it as the brush is wide, `engine.edge_fit` looks for the edge. What
comes out are logits again, so that everything that is made from an answer follows.
"""

from dataclasses import replace

import cv2
import numpy as np

from engine.edge_fit import NOT_PET, PET, UNTOUCHED, fit
from engine.errors import InputError
from engine.postprocess import leading, mask_from_logits, resize_planes
from engine.segmenter import Segmentation

WORK_AREA = 1024 * 768  # px at which an answer is edited, at the most
OFF_BY = 3  # px by which the sides of strokes may miss the picture's aspect: a canvas is rounded
COVERED = 0.25  # share of a pixel that a stroke must cover once it is made smaller

STALE = 10  # px of the model: half a border band; where the edge has moved, the old one's doubt goes with it
CLEAR = 10.0  # log-odds far from the new edge: p = 0.99995
CERTAIN = 40.0  # and under a stroke: surer than any network, so that the matte knows what is settled
SOFT = 1.2  # px at which the new edge is blurred
BELOW = 8.0  # what the other classes' logits lie under the two that matter


def touch_up(image: np.ndarray, segmentation: Segmentation, strokes: np.ndarray) -> Segmentation:
    """The answer with strokes drawn upon it.

    Args:
        image: uint8 (H, W, 3) RGB, the picture with all its pixels.
        segmentation: what the model sees in it; left as it is.
        strokes: uint8 (h, w) of any size with the picture's aspect: 0 = untouched, 1 = pet, 2 = not pet.

    Returns:
        Another segmentation. Its logits are edited at up to `WORK_AREA` pixels, with the picture's aspect; its mask
        follows from them around the strokes and is the old one, pixel for pixel, elsewhere. A new piece of pet is of
        the species of the nearest pet, or the likelier one where there is none. Without strokes, it is the one given.

    Raises:
        InputError: image or strokes are not of that kind.
    """
    check(image, segmentation, strokes)
    if not strokes.any():
        return segmentation
    size_hw = working_size(segmentation.size_hw)
    logits = resize_planes(segmentation.logits, size_hw)
    small = cv2.resize(image, size_hw[::-1], interpolation=cv2.INTER_AREA)
    drawn = strokes_at(strokes, size_hw)
    num_objects = len(segmentation.spec.objects)
    old = mask_from_logits(logits, size_hw, num_objects)
    new = fit(small, old > 0, drawn)
    stale = STALE * max(size_hw) / max(segmentation.logits.shape[1:])
    weight = edited_share(((old > 0) != new) | (drawn != UNTOUCHED), stale)
    classes = classes_of(new, old, logits[1 : 1 + num_objects])
    edited = blended(logits, answer(log_odds_of(new, drawn), classes, len(logits)), weight, num_objects)
    mask = mask_from_logits(edited, segmentation.size_hw, num_objects)
    return replace(segmentation, logits=edited, mask=only_where(weight > 0, mask, segmentation.mask))


def check(image: np.ndarray, segmentation: Segmentation, strokes: np.ndarray) -> None:
    """Says what is wrong with a picture and the strokes on it.

    Raises:
        InputError: as `touch_up`.
    """
    height, width = segmentation.size_hw
    if image.dtype != np.uint8 or image.shape != (height, width, 3):
        raise InputError(
            f"The picture to touch up is {image.dtype} {image.shape}; its answer belongs to uint8 "
            f"({height}, {width}, 3). Give the picture that was segmented, with all its pixels."
        )
    if strokes.dtype != np.uint8 or strokes.ndim != 2 or not strokes.size:
        raise InputError(f"Strokes are {strokes.dtype} {strokes.shape}. Give uint8 (height, width).")
    if strokes.max() > NOT_PET:
        raise InputError(
            f"Strokes hold the value {strokes.max()}. Give 0 for untouched, 1 for pet and 2 for not pet only."
        )
    scale = max(strokes.shape) / max(height, width)
    if any(abs(have - side * scale) > OFF_BY for have, side in zip(strokes.shape, (height, width), strict=True)):
        raise InputError(
            f"Strokes of {strokes.shape[1]} x {strokes.shape[0]} px do not fit a picture of {width} x {height} px. "
            "Give them with the picture's aspect."
        )


def working_size(size_hw: tuple[int, int]) -> tuple[int, int]:
    """Height and width at which a picture's answer is edited, px: its own, or its aspect at `WORK_AREA`.

    Example:
        3000 x 4000: sqrt(786432 / 12000000) = 0.256 of it, 768 x 1024.
    """
    scale = min(1.0, (WORK_AREA / (size_hw[0] * size_hw[1])) ** 0.5)
    return max(1, round(size_hw[0] * scale)), max(1, round(size_hw[1] * scale))


def strokes_at(strokes: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """Strokes at another size, a pixel wider to each side: uint8 (h, w).

    So that every pixel of the picture under a stroke lies between pixels that are certain. Where the two meet, each
    keeps its own.
    """
    cover = [
        cv2.resize((strokes == kind).astype(np.float32), size_hw[::-1], interpolation=cv2.INTER_AREA)
        for kind in (PET, NOT_PET)
    ]
    drawn = np.where(cover[0] >= cover[1], np.uint8(PET), np.uint8(NOT_PET))
    drawn[np.maximum(*cover) < COVERED] = UNTOUCHED
    wider = [cv2.dilate((drawn == kind).view(np.uint8), np.ones((3, 3), np.uint8)) for kind in (PET, NOT_PET)]
    grown = np.where(wider[0] > 0, np.uint8(PET), np.uint8(NOT_PET))
    return np.where((drawn == UNTOUCHED) & (wider[0] != wider[1]), grown, drawn)


def edited_share(changed: np.ndarray, reach: float) -> np.ndarray:
    """How far the old logits give way: float32 (h, w), 1 up to `reach` px from what changed, 0 from 1.5 times it on."""
    away = cv2.distanceTransform((~changed).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    return np.clip(3 - 2 * away / reach, 0, 1)


def classes_of(new: np.ndarray, old: np.ndarray, objects: np.ndarray) -> np.ndarray:
    """The class of each pixel, were it pet: uint8 (h, w), 1.. = the objects.

    Args:
        new: bool (h, w), where there is pet now.
        old: uint8 (h, w), class ids before.
        objects: float32 (objects, h, w), the logits.
    """
    classes = leading(objects)
    kept, added = new & (old > 0), new & (old == 0)
    if added.any():
        count, pieces = cv2.connectedComponents(added.view(np.uint8))
        if kept.any():
            votes = np.zeros((count, len(objects) + 1), np.int64)
            np.add.at(votes, (pieces[added], nearest(kept, classes)[added]), 1)
            species = votes.argmax(axis=1)
        else:
            likely = [np.bincount(pieces.ravel(), plane.ravel(), count) for plane in objects]
            species = np.argmax(likely, axis=0) + 1
        classes[added] = species.astype(np.uint8)[pieces[added]]
    return nearest(new, classes) if new.any() else classes


def nearest(where: np.ndarray, values: np.ndarray) -> np.ndarray:
    """For each pixel the value at the nearest one of a region that is not empty: of the shape and type of `values`."""
    _, labels = cv2.distanceTransformWithLabels(
        (~where).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    by_label = np.zeros(labels.max() + 1, values.dtype)
    by_label[labels[where]] = values[where]
    return by_label[labels]


def log_odds_of(is_pet: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Log-odds of pet that rise over the new edge and are certain under the strokes: float32 (h, w)."""
    odds = cv2.GaussianBlur(np.where(is_pet, np.float32(CLEAR), np.float32(-CLEAR)), (0, 0), SOFT)
    odds[drawn == PET], odds[drawn == NOT_PET] = CERTAIN, -CERTAIN
    return odds


def answer(odds: np.ndarray, classes: np.ndarray, num_classes: int) -> np.ndarray:
    """Logits that say so: float32 (num_classes, h, w); what is neither background nor the pixel's class lies below.

    Example:
        Log-odds 4, class 1 of background, cat, dog and border: -2, 2, -10, -10.
    """
    logits = np.repeat((-np.abs(odds) / 2 - BELOW)[None], num_classes, axis=0)
    logits[0] = -odds / 2
    for class_id in range(1, num_classes):
        own = classes == class_id
        logits[class_id][own] = odds[own] / 2
    return logits


def blended(old: np.ndarray, new: np.ndarray, weight: np.ndarray, num_objects: int) -> np.ndarray:
    """Logits between two answers: float32 (num_classes, h, w); the old ones, bit for bit, where the weight is 0.

    Args:
        old, new: float32 (num_classes, h, w). Those of `new` lie around 0 and the old ones are brought there first,
            for a softmax knows no common part.
        weight: float32 (h, w), of `new`, 0 to 1.
        num_objects: how many classes after the background are objects.
    """
    middle = (old[0] + old[1 : 1 + num_objects].max(axis=0)) / 2
    return np.where(weight > 0, (1 - weight) * (old - middle) + weight * new, old)


def only_where(changed: np.ndarray, new: np.ndarray, old: np.ndarray) -> np.ndarray:
    """`new` where something changed, a pixel around that included, `old` elsewhere: uint8 (H, W).

    Args:
        changed: bool (h, w), of any size.
        new, old: uint8 (H, W).
    """
    around = cv2.dilate(changed.view(np.uint8), np.ones((3, 3), np.uint8))
    where = cv2.resize(around, old.shape[::-1], interpolation=cv2.INTER_NEAREST)
    return cv2.copyTo(new, where, old.copy())
