"""From logits at the model's size to what a user asked for, at the picture's own size.

The classes of a model are the background, then the objects, then perhaps the border of the trimap, which is learnt but
is no answer: a pixel is an object where p(background) < 0.5, and the object is the one with the largest logit.

Numbers are upsampled, never labels. The rule needs two of them only, the log-odds of "not background" and the objects'
logits, so those are what is upsampled: at full size there is no exponential to take.
"""

import cv2
import numpy as np

MAX_LOG_ODDS = 60.0  # exp() of more overflows float32; p is 1 within float32 long before


def resize_planes(planes: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """Bilinear resize, pixel centres aligned; shrinking averages areas.

    Args:
        planes: float32 (C, h, w).
        size_hw: height and width wanted.

    Returns:
        float32 (C, H, W).
    """
    height, width = size_hw
    shrinks = height < planes.shape[1] or width < planes.shape[2]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized = np.empty((len(planes), height, width), np.float32)
    for plane, target in zip(planes, resized, strict=True):
        cv2.resize(plane, (width, height), dst=target, interpolation=interpolation)
    return resized


def object_log_odds(logits: np.ndarray) -> np.ndarray:
    """log(p(not background) / p(background)): float32 (h, w) from logits float32 (num_classes, h, w).

    Example:
        logits 0, 0, 0, 0 (four equal classes) give log(3 / 1) = 1.0986.
    """
    differences = np.clip(logits[1:] - logits[0], -MAX_LOG_ODDS, MAX_LOG_ODDS)
    return np.log(np.exp(differences).sum(axis=0))


def mask_from_logits(logits: np.ndarray, size_hw: tuple[int, int], num_objects: int) -> np.ndarray:
    """The answer for a user: uint8 (H, W), 0 = background, 1.. = the objects.

    Args:
        logits: float32 (num_classes, h, w): background, objects, perhaps the border.
        size_hw: the picture's own height and width.
        num_objects: how many classes after the background are objects (2: cat, dog).
    """
    is_object = resize_planes(object_log_odds(logits)[None], size_hw)[0] > 0
    objects = resize_planes(logits[1 : 1 + num_objects], size_hw)
    mask = is_object.astype(np.uint8)
    best = objects[0]
    for index, candidate in enumerate(objects[1:], start=2):
        mask[(candidate > best) & is_object] = index
        best = np.maximum(best, candidate)
    return mask


def probabilities_from_logits(logits: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """Softmax of the upsampled logits: float32 (num_classes, H, W), sums to 1 over the first axis."""
    resized = resize_planes(logits, size_hw)
    resized -= resized.max(axis=0)
    np.exp(resized, out=resized)
    resized /= resized.sum(axis=0)
    return resized


def trimap_from_logits(logits: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """The trimap that the pet models imply: uint8 (H, W), 1 = pet, 2 = background, 3 = border.

    The most likely of background, pet (cat and dog together) and border.

    Args:
        logits: float32 (4, h, w): background, cat, dog, border.
    """
    background, cat, dog, border = probabilities_from_logits(logits, size_hw)
    trimap = np.where(cat + dog >= background, np.uint8(1), np.uint8(2))
    trimap[border > np.maximum(cat + dog, background)] = 3
    return trimap
