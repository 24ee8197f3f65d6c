"""One animal, one species: a pet is called by the sum of its evidence.

The network decides pixel by pixel, and so may tear an animal into a cat's head and a dog's legs. Here every connected
region of the mask gets the one object whose probabilities add up to most over it, unless another has a part of it that
is both large and sure: a cat that touches a dog. What is object and what is not stays as it was, to the last digit.
"""

import cv2
import numpy as np

from engine.postprocess import leading, softmax

# Of 18 regions in which a cat touches a dog (everyday photos, fastsegnet) these keep one as two animals, and tear 11 of
# the 2,126 photos of one species; of fastsegnet-large's 13 they keep five, and tear 18. Surer parts keep none or four,
# less sure and smaller ones tear two to five times as many.
PARTNER = 0.15  # a piece that is a smaller share of its region is no animal by itself
SURE = 0.9  # mean share of the objects' probability that it needs, and the rest of the region too
NONE = -30.0  # log-odds of a class that lost: e to its power is 0 beside anything


def settle(logits: np.ndarray, num_objects: int) -> np.ndarray:
    """Logits in which each pet has one species: float32 (num_classes, h, w).

    The objects' probabilities go to the one that the pet is called; their sum, the background's and the border's stay.

    Args:
        logits: float32 (num_classes, h, w): background, objects, perhaps others. Given back as they are where one
            object leads everywhere.
        num_objects: how many classes after the background are objects.
    """
    objects = logits[1 : 1 + num_objects]
    # The largest of n is a share of 1/n of their sum or more, so this misses no pixel that is object.
    if num_objects < 2 or not disagrees(objects, objects.max(axis=0) + np.float32(np.log(num_objects)) > logits[0]):
        return logits
    probabilities = softmax(logits)[: 1 + num_objects]
    is_object = probabilities[1:].sum(axis=0) > probabilities[0]
    if not is_object.any():
        return logits
    owner = owners(probabilities[1:], is_object)
    total = np.logaddexp.reduce(objects, axis=0)
    settled = logits.copy()
    for number in range(num_objects):
        settled[1 + number] = np.where(owner == number + 1, total, total + NONE)
    return settled


def settle_probabilities(probabilities: np.ndarray, num_objects: int) -> np.ndarray:
    """The same of probabilities, float32 (num_classes, h, w)."""
    objects = probabilities[1 : 1 + num_objects]
    total = objects.sum(axis=0)
    is_object = total > probabilities[0]
    if num_objects < 2 or not disagrees(objects, is_object):
        return probabilities
    owner = owners(objects, is_object)
    settled = probabilities.copy()
    for number in range(num_objects):
        settled[1 + number] = np.where(owner == number + 1, total, 0)
    return settled


def disagrees(objects: np.ndarray, is_object: np.ndarray) -> bool:
    """Whether more than one class leads where there are objects, or a step beside them, since they are upsampled.

    Args:
        objects: float32 (objects, h, w), logits or probabilities.
        is_object: bool (h, w).
    """
    nearby = cv2.dilate(is_object.view(np.uint8), np.ones((3, 3), np.uint8))
    lowest, highest, *_ = cv2.minMaxLoc(leading(objects), mask=nearby)
    return bool(lowest != highest)


def owners(objects: np.ndarray, is_object: np.ndarray) -> np.ndarray:
    """Whose each pixel is: uint8 (h, w), 1.. = the objects; what is no object belongs to the nearest region.

    Args:
        objects: float32 (num_objects, h, w), probabilities.
        is_object: bool (h, w), somewhere true.

    Example:
        A region of 100 pixels, 60 with p(cat) 0.6 and p(dog) 0.3, 40 with 0.1 and 0.8: the cat has 40, the dog 50. All
        of it is a dog, since the cat's part is not sure (0.67 of the two).
    """
    lead = leading(objects)
    called = np.zeros_like(lead)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(is_object.view(np.uint8), connectivity=8)
    for label in range(1, count):
        left, top, width, height, area = stats[label]
        box = slice(top, top + height), slice(left, left + width)
        region = labels[box] == label
        called[box][region] = call(objects[:, *box], lead[box], region, PARTNER * area)[region]
    _, nearest = cv2.distanceTransformWithLabels(
        (~is_object).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    by_label = np.zeros(int(nearest.max()) + 1, np.uint8)
    by_label[nearest[is_object]] = called[is_object]
    return by_label[nearest]


def call(objects: np.ndarray, lead: np.ndarray, region: np.ndarray, smallest: float) -> np.ndarray:
    """What each pixel of a region is called: uint8 (h, w).

    Args:
        objects: float32 (num_objects, h, w), probabilities around the region.
        lead: uint8 (h, w), the class that leads.
        region: bool (h, w).
        smallest: pixels; a smaller piece is no animal by itself.
    """
    evidence = objects[:, region].sum(axis=1)
    main = int(evidence.argmax()) + 1
    called = np.full(region.shape, main, np.uint8)
    if not is_sure(objects, main, region & (lead == main)):
        return called
    for other in range(1, len(objects) + 1):
        if other == main:
            continue
        count, labels, stats, _ = cv2.connectedComponentsWithStats((region & (lead == other)).view(np.uint8))
        for label in np.flatnonzero(stats[1:count, cv2.CC_STAT_AREA] >= smallest) + 1:
            piece = labels == label
            if is_sure(objects, other, piece):
                called[piece] = other
    return called


def is_sure(objects: np.ndarray, class_id: int, part: np.ndarray) -> bool:
    """Whether a class has nearly all of what the objects have over a part of the picture, bool (h, w)."""
    inside = objects[:, part]
    return bool(part.any()) and float(inside[class_id - 1].sum()) >= SURE * float(inside.sum())
