"""How good a segmentation is, at the annotation's own resolution; numpy and confusion matrices.

binary    border counts as pet, as in the example of segmentation-models-pytorch: IoU over the whole dataset
          (all pixels in one confusion matrix) and the mean of each image's IoU
trimap    pet / background / border, mean IoU
species   background / cat / dog, the trimap's border ignored, mean IoU
outline   the mask that a user gets, the annotation's border ignored: IoU over the whole dataset, and each image's mean
boundary  IoU of the bands along the outlines (Cheng et al., "Boundary IoU", CVPR 2021, arXiv:2103.16562)

Counts are kept photo by photo, so that scores can be told of a part of the photos, or of photos drawn again.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np

from engine.dataset import BACKGROUND, PET, UNKNOWN

TRIMAP_CLASSES = ("pet", "background", "border")
SPECIES_CLASSES = ("background", "cat", "dog")
IGNORE_INDEX = 255
BOUNDARY_RATIO = 0.02  # width of the band as a share of the picture's diagonal, as in the paper
NOTHING = "nothing"  # what a photo without a pixel of a pet is called
# The scores that are told with an interval, by their place in the report.
HEADLINES = (
    "outline.dataset_iou", "outline.mean_image_iou", "binary.dataset_iou", "binary.mean_image_iou", "trimap.mean_iou",
    "species.mean_iou", "boundary_iou", "pixel_accuracy",
)  # fmt: skip


def value_at(report: dict, name: str) -> float:
    """A headline score of a report: "binary.dataset_iou" is `report["binary"]["dataset_iou"]`."""
    for part in name.split("."):
        report = report[part]
    return report  # type: ignore[return-value]


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
    """Intersection over union of each class: float64 (..., num_classes), NaN for a class absent from both.

    Args:
        confusion: (..., num_classes, num_classes), one matrix or many.

    Example:
        [[1, 0], [1, 1]] gives [1 / 2, 1 / 2].
    """
    intersection = np.diagonal(confusion, axis1=-2, axis2=-1).astype(np.float64)
    union = confusion.sum(axis=-2) + confusion.sum(axis=-1) - intersection
    return np.divide(intersection, union, out=np.full_like(intersection, np.nan), where=union > 0)


def mean_iou(confusion: np.ndarray) -> float:
    """Mean of the classes' IoU; a class absent from both is left out of the mean."""
    return float(np.nanmean(iou_per_class(confusion)))


def band(mask: np.ndarray, ratio: float = BOUNDARY_RATIO) -> np.ndarray:
    """The band inside a mask along its edge, the picture's own edge included: bool (H, W), as `mask`."""
    distance = max(1, round(ratio * float(np.hypot(*mask.shape))))
    padded = np.pad(mask.astype(np.uint8), 1)
    eroded = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=distance)
    return mask & ~eroded[1:-1, 1:-1].astype(bool)


def boundary_iou(target: np.ndarray, prediction: np.ndarray) -> float:
    """IoU of the two masks' bands; 1.0 where both are empty.

    Args:
        target: bool (H, W).
        prediction: bool (H, W).
    """
    target, prediction = band(target), band(prediction)
    union = np.count_nonzero(target | prediction)
    return np.count_nonzero(target & prediction) / union if union else 1.0


@dataclass(frozen=True)
class PhotoCounts:
    """What one photo adds to the scores.

    Attributes:
        species: "cat" or "dog", as annotated.
        breed: as annotated; empty where it is not known.
        called: the species that most of the predicted pet has, or `NOTHING`.
        binary: int64 (2, 2), confusion of background and pet.
        outline: int64 (2, 2), the same of a user's mask, the border ignored.
        trimap: int64 (3, 3), of `TRIMAP_CLASSES`.
        by_species: int64 (3, 3), of `SPECIES_CLASSES`, the border ignored.
        boundary_iou: of the binary masks.
    """

    species: str
    breed: str
    called: str
    binary: np.ndarray
    outline: np.ndarray
    trimap: np.ndarray
    by_species: np.ndarray
    boundary_iou: float

    @property
    def annotated(self) -> tuple[str, str, int, int]:
        """What two scores of one photo share: species, breed, pixels of background and of pet."""
        background, pet = self.binary.sum(axis=1).tolist()
        return self.species, self.breed, background, pet


@dataclass
class PetScores:
    """Keeps the counts of photo after photo; `report()` gives the scores so far."""

    photos: list[PhotoCounts] = field(default_factory=list)

    def add(
        self,
        trimap: np.ndarray,
        species: str,
        mask: np.ndarray,
        trimap_prediction: np.ndarray,
        breed: str = "",
        *,
        users_mask: np.ndarray | None = None,
        species_map: np.ndarray | None = None,
    ) -> None:
        """Counts one photo.

        Args:
            trimap: uint8 (H, W), the annotation: 1 = pet, 2 = background, 3 = border, 0 = unknown, does not count.
            species: "cat" or "dog".
            mask: uint8 (H, W), predicted by the protocols' rule (the border counts as pet): 0 = background, 1 = cat,
                2 = dog.
            trimap_prediction: uint8 (H, W), predicted: 1 = pet, 2 = background, 3 = border.
            breed: as the dataset calls it.
            users_mask: uint8 (H, W), as a user gets it; without it, `mask`.
            species_map: uint8 (H, W), of a photo that shows both: 0 = background, 1 = cat, 2 = dog, 255 = unknown.
        """
        known = trimap != UNKNOWN
        is_pet, predicted_pet = known & (trimap != BACKGROUND), known & (mask > 0)
        is_inside, is_outside = trimap == PET, trimap == BACKGROUND
        outline = np.select([is_inside, is_outside], [1, 0], IGNORE_INDEX)
        annotated = np.select([is_inside, is_outside], [SPECIES_CLASSES.index(species), 0], IGNORE_INDEX)
        if species_map is not None:
            annotated = np.where(is_inside | is_outside, species_map, np.uint8(IGNORE_INDEX))
        users_mask = mask if users_mask is None else users_mask
        areas = np.bincount(mask[known], minlength=len(SPECIES_CLASSES))[1:]
        self.photos.append(
            PhotoCounts(
                species=species,
                breed=breed,
                called=SPECIES_CLASSES[1 + int(areas.argmax())] if areas.any() else NOTHING,
                binary=confusion_matrix(np.where(known, is_pet, IGNORE_INDEX), predicted_pet.astype(np.uint8), 2),
                outline=confusion_matrix(outline, (users_mask > 0).astype(np.uint8), 2),
                # `UNKNOWN` less one is `IGNORE_INDEX` in 8 bits.
                trimap=confusion_matrix(trimap - np.uint8(1), trimap_prediction - np.uint8(1), 3),
                by_species=confusion_matrix(annotated, mask, 3),
                boundary_iou=boundary_iou(is_pet, predicted_pet),
            )
        )

    @property
    def image_ious(self) -> np.ndarray:
        """Binary IoU of each photo: float64 (photos,); 1.0 where there is no pet and none is predicted."""
        return self._image_ious("binary")

    @property
    def boundary_ious(self) -> np.ndarray:
        """Boundary IoU of each photo: float64 (photos,)."""
        return self._stacked("boundary_iou")

    def headlines(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """The `HEADLINES` where each photo counts so often: float64 (draws,) each.

        Args:
            weights: (draws, photos); all ones give the scores themselves, 2 counts a photo twice.
        """
        weights = weights.astype(np.float64)  # a product of integers does not use the fast matrix product
        outline, binary, trimap, species = (
            self._weighted(weights, name) for name in ("outline", "binary", "trimap", "by_species")
        )
        values = (
            iou_per_class(outline)[:, 1],
            weights @ self._image_ious("outline") / weights.sum(axis=1),
            iou_per_class(binary)[:, 1],
            weights @ self.image_ious / weights.sum(axis=1),
            np.nanmean(iou_per_class(trimap), axis=1),
            np.nanmean(iou_per_class(species), axis=1),
            weights @ self.boundary_ious / weights.sum(axis=1),
            np.trace(binary, axis1=1, axis2=2) / binary.sum(axis=(1, 2)),
        )
        return dict(zip(HEADLINES, values, strict=True))

    def report(self) -> dict:
        """The scores, each a share from 0 to 1, in the fields of `evaluate --json`."""
        once = {name: float(values[0]) for name, values in self.headlines(np.ones((1, len(self.photos)))).items()}
        return {
            "images": len(self.photos),
            "outline": {
                "dataset_iou": once["outline.dataset_iou"],
                "mean_image_iou": once["outline.mean_image_iou"],
            },
            "binary": {
                "dataset_iou": once["binary.dataset_iou"],
                "mean_image_iou": once["binary.mean_image_iou"],
            },
            "trimap": {
                "mean_iou": once["trimap.mean_iou"],
                "per_class": _by_name(self._stacked("trimap"), TRIMAP_CLASSES),
            },
            "species": {
                "mean_iou": once["species.mean_iou"],
                "per_class": _by_name(self._stacked("by_species"), SPECIES_CLASSES),
            },
            "boundary_iou": once["boundary_iou"],
            "pixel_accuracy": once["pixel_accuracy"],
        }

    def _image_ious(self, name: str) -> np.ndarray:
        return np.nan_to_num(iou_per_class(self._stacked(name))[:, 1], nan=1.0)

    def _stacked(self, name: str) -> np.ndarray:
        return np.stack([getattr(photo, name) for photo in self.photos])

    def _weighted(self, weights: np.ndarray, name: str) -> np.ndarray:
        """The photos' confusion matrices added up: float64 (draws, classes, classes)."""
        matrices = self._stacked(name)
        return (weights @ matrices.reshape(len(matrices), -1)).reshape(-1, *matrices.shape[1:])


def _by_name(confusions: np.ndarray, names: tuple[str, ...]) -> dict[str, float | None]:
    ious = iou_per_class(confusions.sum(axis=0))
    return {name: None if np.isnan(iou) else float(iou) for name, iou in zip(names, ious, strict=True)}
