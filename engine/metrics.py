"""How good a segmentation is, at the annotation's own resolution; numpy and confusion matrices.

binary    border counts as pet, as in the example of segmentation-models-pytorch: IoU over the whole dataset
          (all pixels in one confusion matrix) and the mean of each image's IoU
trimap    pet / background / border, mean IoU
species   background / cat / dog, the trimap's border ignored, mean IoU
boundary  IoU of the bands along the outlines (Cheng et al., "Boundary IoU", CVPR 2021, arXiv:2103.16562)
"""

from dataclasses import dataclass, field

import cv2
import numpy as np

from engine.dataset import BACKGROUND, BORDER, PET

TRIMAP_CLASSES = ("pet", "background", "border")
SPECIES_CLASSES = ("background", "cat", "dog")
IGNORE_INDEX = 255
BOUNDARY_RATIO = 0.02  # width of the band as a share of the picture's diagonal, as in the paper


def confusion_matrix(target: np.ndarray, prediction: np.ndarray, num_classes: int) -> np.ndarray:
    """Counts of pixels by annotated class (rows) and predicted class (columns).

    Args:
        target: integer array of class ids; `IGNORE_INDEX` marks pixels that do not count.
        prediction: integer array of class ids, same shape.

    Returns:
        int64 (num_classes, num_classes).

    Example:
        target [0, 1, 1], prediction [0, 0, 1] gives [[1, 0], [1, 1]].
    """
    counted = target != IGNORE_INDEX
    cells = target[counted].astype(np.int64) * num_classes + prediction[counted]
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)


def iou_per_class(confusion: np.ndarray) -> np.ndarray:
    """Intersection over union of each class: float64 (num_classes,), NaN for a class absent from both.

    Example:
        [[1, 0], [1, 1]] gives [1 / 2, 1 / 2].
    """
    intersection = np.diag(confusion).astype(np.float64)
    union = confusion.sum(axis=0) + confusion.sum(axis=1) - intersection
    return np.divide(intersection, union, out=np.full_like(intersection, np.nan), where=union > 0)


def mean_iou(confusion: np.ndarray) -> float:
    """Mean of the classes' IoU; a class absent from both is left out of the mean."""
    return float(np.nanmean(iou_per_class(confusion)))


def outline(mask: np.ndarray, ratio: float = BOUNDARY_RATIO) -> np.ndarray:
    """The band inside a mask along its edge, the picture's own edge included: bool (H, W), as `mask`."""
    distance = max(1, round(ratio * float(np.hypot(*mask.shape))))
    padded = np.pad(mask.astype(np.uint8), 1)
    eroded = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=distance)
    return mask & ~eroded[1:-1, 1:-1].astype(bool)


def boundary_iou(target: np.ndarray, prediction: np.ndarray) -> float:
    """IoU of the two masks' outlines; 1.0 where both are empty.

    Args:
        target: bool (H, W).
        prediction: bool (H, W).
    """
    target, prediction = outline(target), outline(prediction)
    union = np.count_nonzero(target | prediction)
    return np.count_nonzero(target & prediction) / union if union else 1.0


@dataclass
class PetScores:
    """Adds up photo after photo; `report()` gives the scores so far."""

    binary: np.ndarray = field(default_factory=lambda: np.zeros((2, 2), np.int64))
    trimap: np.ndarray = field(default_factory=lambda: np.zeros((3, 3), np.int64))
    species: np.ndarray = field(default_factory=lambda: np.zeros((3, 3), np.int64))
    image_ious: list[float] = field(default_factory=list)
    boundary_ious: list[float] = field(default_factory=list)

    def add(self, trimap: np.ndarray, species: str, mask: np.ndarray, trimap_prediction: np.ndarray) -> None:
        """Counts one photo.

        Args:
            trimap: uint8 (H, W), the annotation: 1 = pet, 2 = background, 3 = border.
            species: "cat" or "dog".
            mask: uint8 (H, W), predicted: 0 = background, 1 = cat, 2 = dog.
            trimap_prediction: uint8 (H, W), predicted: 1 = pet, 2 = background, 3 = border.
        """
        is_pet, predicted_pet = trimap != BACKGROUND, mask > 0
        binary = confusion_matrix(is_pet.astype(np.uint8), predicted_pet.astype(np.uint8), 2)
        self.binary += binary
        self.image_ious.append(float(iou_per_class(binary)[1]) if binary[1:].sum() + binary[:, 1].sum() else 1.0)
        self.trimap += confusion_matrix(trimap - 1, trimap_prediction - 1, 3)
        annotated = np.select([trimap == PET, trimap == BORDER], [SPECIES_CLASSES.index(species), IGNORE_INDEX], 0)
        self.species += confusion_matrix(annotated, mask, 3)
        self.boundary_ious.append(boundary_iou(is_pet, predicted_pet))

    def report(self) -> dict:
        """The scores, each a share from 0 to 1, in the fields of `evaluate --json`."""
        return {
            "images": len(self.image_ious),
            "binary": {
                "dataset_iou": float(iou_per_class(self.binary)[1]),
                "mean_image_iou": float(np.mean(self.image_ious)),
            },
            "trimap": _mean_and_classes(self.trimap, TRIMAP_CLASSES),
            "species": _mean_and_classes(self.species, SPECIES_CLASSES),
            "boundary_iou": float(np.mean(self.boundary_ious)),
            "pixel_accuracy": float(np.trace(self.binary) / self.binary.sum()),
        }


def _mean_and_classes(confusion: np.ndarray, names: tuple[str, ...]) -> dict:
    ious = [None if np.isnan(iou) else float(iou) for iou in iou_per_class(confusion)]
    return {"mean_iou": mean_iou(confusion), "per_class": dict(zip(names, ious, strict=True))}
