"""Each pet of a picture apart.

The network tells classes, not animals, so pets that touch are one, unless one is a cat and the other a dog
(`engine.species` says which of them a region is).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from engine.cutout import on_nothing
from engine.postprocess import softmax
from engine.segmenter import Segmentation, foreground_share

SPECK = 0.002  # share of the picture; a region that covers less is no pet
CRUMB = 0.05  # share of the largest region, likewise
SURE = 0.4  # mean p(object): of 618 pets of Oxford-IIIT Pet, none is below
RIM = 150  # a pet's soft edge may lie outside its mask by the longer side of the picture over this, px


@dataclass(frozen=True)
class Instance:
    """One animal.

    Attributes:
        class_id: 1.. = `spec.objects`.
        left, top: px of the picture, the corner of its box.
        mask: uint8 (height, width), the size of its box: 1 = this pet.
    """

    class_id: int
    left: int
    top: int
    mask: np.ndarray

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, width, height, px."""
        return self.left, self.top, self.mask.shape[1], self.mask.shape[0]

    @property
    def area(self) -> int:
        """Pixels it covers."""
        return cv2.countNonZero(self.mask)

    def mask_in(self, size_hw: tuple[int, int]) -> np.ndarray:
        """Its mask in the whole picture: uint8 (H, W), 1 = this pet."""
        whole = np.zeros(size_hw, np.uint8)
        left, top, width, height = self.box
        whole[top : top + height, left : left + width] = self.mask
        return whole


def instances_of(segmentation: Segmentation) -> list[Instance]:
    """The pets of a picture, the largest first, as `find_instances` finds them."""
    objects = softmax(segmentation.logits)[1 : 1 + len(segmentation.spec.objects)].sum(axis=0)
    return find_instances(segmentation.mask, objects)


def scores_of(segmentation: Segmentation, pets: Sequence[Instance]) -> list[float]:
    """How sure the network is of each pet, 0 to 1: the mean of `foreground_share` over its pixels.

    So a photo of one pet has about the confidence of that pet; a pet has one species, which has all of p(objects).

    Args:
        segmentation: of a picture.
        pets: of the same picture, as `instances_of` gives them.

    Example:
        A cat all over with p(background) 0.1, p(cat) 0.5, p(dog) 0 and p(border) 0.4: 0.5 / 0.6 = 0.83.
    """
    height, width = segmentation.size_hw
    share = cv2.resize(foreground_share(softmax(segmentation.logits), len(segmentation.spec.objects)), (width, height))
    scores = []
    for pet in pets:
        left, top, across, down = pet.box
        scores.append(float(cv2.mean(share[top : top + down, left : left + across], pet.mask)[0]))
    return scores


def find_instances(mask: np.ndarray, objects: np.ndarray | None = None) -> list[Instance]:
    """The pets of a mask, the largest first.

    Args:
        mask: uint8 (H, W), class ids, 0 = background.
        objects: float32 (h, w), of any size: p(cat) + p(dog). Where it is given, a further region must be `SURE` on
            average: the network calls much border that is no animal's.

    Returns:
        None of them smaller than `SPECK` of the picture, or than `CRUMB` of the largest region.
    """
    pets = []
    likely = None if objects is None else cv2.resize(cv2.convertScaleAbs(objects, alpha=255), mask.shape[::-1])
    by_class = [components(mask == class_id) for class_id in range(1, int(mask.max()) + 1)]
    largest = max((stats[:, cv2.CC_STAT_AREA].max(initial=0) for _, stats in by_class), default=0)
    smallest = max(SPECK * mask.size, CRUMB * largest)
    for class_id, (labels, stats) in enumerate(by_class, start=1):
        for label in np.flatnonzero(stats[:, cv2.CC_STAT_AREA] >= smallest):
            left, top, width, height, area = (int(value) for value in stats[label])
            box = slice(top, top + height), slice(left, left + width)
            own = labels[box] == label + 1
            if likely is not None and area < largest and likely[box][own].mean() < SURE * 255:
                continue
            pets.append(Instance(class_id, left, top, np.ascontiguousarray(own.view(np.uint8))))
    return sorted(pets, key=lambda pet: -pet.area)


def components(where: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The connected regions, corners included: labels int32 (H, W), from 1 on, and OpenCV's figures of each."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(where.view(np.uint8), connectivity=8)
    return labels, stats[1:]


def cut_out_each(image: np.ndarray, alpha: np.ndarray, pets: Sequence[Instance]) -> list[np.ndarray]:
    """Each pet on a transparent ground, cropped to its box and a rim: uint8 (h, w, 4) RGBA each.

    Args:
        image: uint8 (H, W, 3) RGB.
        alpha: uint8 (H, W), opacity of all pets, as `engine.matte.opacity` gives it.
        pets: of the same picture.
    """
    size_hw = alpha.shape[0], alpha.shape[1]
    rim = max(2, round(max(size_hw) / RIM))
    near = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * rim + 1, 2 * rim + 1))
    pieces = []
    for number, pet in enumerate(pets):
        left, top, width, height = pet.box
        box = slice(max(0, top - rim), top + height + rim), slice(max(0, left - rim), left + width + rim)
        own = cv2.dilate(pet.mask_in(size_hw)[box], near)
        for other in (*pets[:number], *pets[number + 1 :]):
            own[other.mask_in(size_hw)[box] > 0] = 0
        within = cv2.blur(own * np.uint8(255), (3, 3))
        pieces.append(on_nothing(image[box], cv2.multiply(alpha[box], within, scale=1 / 255)))
    return pieces
