"""From logits at the model's size to what a user asked for, at the picture's own size.

The classes of a model are the background, then the objects, then perhaps the border of the trimap, which is learnt but
is no answer. A user's mask is the decision `foreground`: a pixel is an object where p(objects) > p(background), so half
of the border belongs to the pet and half does not; the object is the one with the largest logit. The protocols of
published scores count the whole border as pet, and so have a mask of their own: `protocol_mask`.

Numbers are upsampled, never labels. The rule needs two of them only, the log-odds of an object and the objects' logits,
so those are what is upsampled: at full size there is no exponential to take.
"""

import cv2
import numpy as np

MAX_LOG_ODDS = 60.0  # exp() of more overflows float32; p is 1 within float32 long before
# Log-odds are upsampled as int16 in steps of 1/512, which moves a chance of 0.5 by 0.0005 at the most and halves
# the memory of float32: at 12 megapixels that is what the time goes for.
STEPS = 512
TINY = 1e-12  # a probability of 0 has no logarithm


def resize_planes(planes: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """Bilinear resize, pixel centres aligned; shrinking averages areas.

    Args:
        planes: float32 (C, h, w).
        size_hw: height and width wanted.

    Returns:
        float32 (C, H, W).
    """
    height, width = size_hw
    interpolation = cv2.INTER_AREA if shrinks(planes.shape[1:], size_hw) else cv2.INTER_LINEAR
    resized = np.empty((len(planes), height, width), np.float32)
    for plane, target in zip(planes, resized, strict=True):
        cv2.resize(plane, (width, height), dst=target, interpolation=interpolation)
    return resized


def shrinks(from_hw: tuple[int, ...], to_hw: tuple[int, int]) -> bool:
    """Whether a resize makes a side shorter."""
    return to_hw[0] < from_hw[0] or to_hw[1] < from_hw[1]


def object_log_odds(logits: np.ndarray) -> np.ndarray:
    """log(p(any other class) / p(background)): float32 (h, w) from logits float32 (num_classes, h, w).

    Of all classes, that is "not background"; of background and objects alone, the decision `foreground`.

    Example:
        logits 0, 0, 0, 0 (four equal classes) give log(3 / 1) = 1.0986.
    """
    differences = logits[1:] - logits[0]
    np.clip(differences, -MAX_LOG_ODDS, MAX_LOG_ODDS, out=differences)
    return cv2.log(exp(differences).sum(axis=0))


def mask_from_logits(logits: np.ndarray, size_hw: tuple[int, int], num_objects: int) -> np.ndarray:
    """The answer for a user: uint8 (H, W), 0 = background, 1.. = the objects.

    Args:
        logits: float32 (num_classes, h, w): background, objects, perhaps the border.
        size_hw: the picture's own height and width.
        num_objects: how many classes after the background are objects (2: cat, dog).

    Example:
        p(background) 0.3, p(cat) 0.2, p(dog) 0.15, p(border) 0.35: 0.35 is more than 0.3, so it is a cat.
    """
    log_odds = object_log_odds(logits[: 1 + num_objects])
    return mask_from_log_odds(log_odds, logits[1 : 1 + num_objects], size_hw)


def mask_from_probabilities(probabilities: np.ndarray, size_hw: tuple[int, int], num_objects: int) -> np.ndarray:
    """The same from probabilities, float32 (num_classes, h, w)."""
    objects = probabilities[1 : 1 + num_objects]
    log_odds = cv2.log(np.maximum(objects.sum(axis=0), TINY) / np.maximum(probabilities[0], TINY))
    return mask_from_log_odds(log_odds, objects, size_hw)


def protocol_mask(logits: np.ndarray, size_hw: tuple[int, int], num_objects: int) -> np.ndarray:
    """The mask of the published protocols, where the border counts as pet: uint8 (H, W), p(background) < 0.5.

    Arguments as for `mask_from_logits`. Nobody but a score is told it.

    Source: the example of segmentation-models-pytorch on Oxford-IIIT Pet.
    """
    return mask_from_log_odds(object_log_odds(logits), logits[1 : 1 + num_objects], size_hw)


def mask_from_log_odds(log_odds: np.ndarray, objects: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """All come here: an object where its log-odds are positive, the one whose value is largest.

    Args:
        log_odds: float32 (h, w), of an object.
        objects: float32 (objects, h, w), logits or probabilities.
        size_hw: height and width wanted.
    """
    if shrinks(log_odds.shape, size_hw):
        is_object = resize_planes(log_odds[None], size_hw)[0] > 0
        only = None
    else:
        is_object = cv2.resize(np.rint(log_odds * STEPS).astype(np.int16), size_hw[::-1]) > 0
        only = only_object(objects, log_odds)
    mask = is_object.view(np.uint8)
    if only == 1:
        return mask
    return mask * (np.uint8(only) if only else leading(resize_planes(objects, size_hw)))


def leading(objects: np.ndarray) -> np.ndarray:
    """Class id of the object with the largest value, the first of equals: uint8 (H, W) from float32 (objects, H, W)."""
    leader = np.ones(objects.shape[1:], np.uint8)
    best = objects[0]
    for index, candidate in enumerate(objects[1:], start=2):
        # A later leader has the larger id, so the maximum is the last one that took the lead.
        np.maximum(leader, (candidate > best) * np.uint8(index), out=leader)
        best = np.maximum(best, candidate) if index < len(objects) else best
    return leader


def only_object(objects: np.ndarray, log_odds: np.ndarray) -> int | None:
    """The class id of the one object that can win anywhere once upsampled, or None where several can.

    A pixel is interpolated from the four values around it. One that is an object has a neighbour with positive
    log-odds, so all four lie within a step of such a value; where one class leads in all of these, it leads between
    them too.
    """
    nearby = cv2.dilate((log_odds > 0).view(np.uint8), np.ones((3, 3), np.uint8))
    lowest, highest, *_ = cv2.minMaxLoc(leading(objects), mask=nearby)
    if highest == 0:  # nothing is an object
        return 1
    return int(lowest) if lowest == highest else None


def probabilities_from_logits(logits: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """Softmax of the upsampled logits: float32 (num_classes, H, W), sums to 1 over the first axis."""
    return softmax(resize_planes(logits, size_hw))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities, float32 (num_classes, H, W), from logits of that shape; they sum to 1 over the first axis."""
    powers = exp(logits - logits.max(axis=0))
    powers /= powers.sum(axis=0)
    return powers


def exp(planes: np.ndarray) -> np.ndarray:
    """OpenCV's exponential: thrice as fast as numpy's, and right to 7 digits; float32, of the same shape."""
    return cv2.exp(planes.reshape(len(planes), -1)).reshape(planes.shape)  # OpenCV takes a third axis for channels


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
