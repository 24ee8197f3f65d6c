"""How much of its scores a model keeps on disturbed photos, FP32 beside INT8."""

from collections.abc import Mapping

import numpy as np

from engine.dataset import BACKGROUND, BORDER, PET, UNKNOWN, Sample
from engine.disturbances import DISTURBANCES, AnnotatedImage, Disturbance
from engine.evaluate import count_photo, read_annotated
from engine.images import Picture
from engine.intervals import difference, intervals
from engine.metrics import IGNORE_INDEX, SPECIES_CLASSES, PetScores
from engine.progress import counting
from engine.segmenter import Segmenter

SHOWN = ("binary.dataset_iou", "species.mean_iou")
# A map of species in the values of a trimap, so that what moves the one moves the other.
AS_TRIMAP = {BACKGROUND: 0, PET: SPECIES_CLASSES.index("cat"), BORDER: SPECIES_CLASSES.index("dog")}
STEPS = 1 + len(DISTURBANCES)  # states of a photo


def measure_robustness(segmenters: Mapping[str, Segmenter], samples: list[Sample]) -> dict:
    """Scores on photos as they are and disturbed.

    Args:
        segmenters: of one model, two of them: that which the other is compared with first (FP32, INT8).
        samples: the photos.

    Returns:
        "images", "undisturbed" and a list "disturbances"; each has "scores" by segmenter and score, "drop" (the same,
        what is lost against undisturbed) and "difference" (of the second segmenter to the first, with its interval).

    Raises:
        InputError: a photo or a trimap cannot be read, or they differ in size.
    """
    undisturbed = {name: PetScores() for name in segmenters}
    disturbed = [{name: PetScores() for name in segmenters} for _ in DISTURBANCES]
    with counting(len(samples) * STEPS, "disturbing") as advance:
        for sample in samples:
            picture, trimap = read_annotated(sample)
            species_map = sample.read_species()
            count(segmenters, sample, (picture.image, trimap), species_map, undisturbed)
            advance()
            for disturbance, scores in zip(DISTURBANCES, disturbed, strict=True):
                annotated = disturbance.apply(picture.image, trimap, sample.name)
                moved = moved_species(disturbance, picture.image, species_map, sample.name)
                count(segmenters, sample, annotated, moved, scores)
                advance()
    plain = compared_scores(undisturbed)
    rows = [
        row_of(disturbance, scores, plain["scores"])
        for disturbance, scores in zip(DISTURBANCES, disturbed, strict=True)
    ]
    return {"images": len(samples), "undisturbed": plain, "disturbances": rows}


def count(
    segmenters: Mapping[str, Segmenter],
    sample: Sample,
    annotated: AnnotatedImage,
    species_map: np.ndarray | None,
    scores: Mapping[str, PetScores],
) -> None:
    """Adds what each segmenter makes of a picture to its scores."""
    image, trimap = annotated
    picture = Picture(image, trimap.shape)
    for name, segmenter in segmenters.items():
        count_photo(scores[name], sample, trimap, species_map, segmenter.segment(picture))


def moved_species(
    disturbance: Disturbance, image: np.ndarray, species_map: np.ndarray | None, name: str
) -> np.ndarray | None:
    """The species of each pixel, where they are told, moved as the disturbance moves the photo.

    Args:
        disturbance: of the photo.
        image: uint8 (H, W, 3) RGB, the photo.
        species_map: uint8 (H, W), as `Sample.read_species` gives it.
        name: of the photo.
    """
    if species_map is None:
        return None
    as_trimap = np.full_like(species_map, UNKNOWN)
    for value, species in AS_TRIMAP.items():
        as_trimap[species_map == species] = value
    _, moved = disturbance.apply(image, as_trimap, name)
    return np.select([moved == value for value in AS_TRIMAP], list(AS_TRIMAP.values()), IGNORE_INDEX).astype(np.uint8)


def compared_scores(scores: Mapping[str, PetScores]) -> dict:
    """The shown scores of each segmenter, and how far the second is from the first."""
    reports = {name: each.report() for name, each in scores.items()}
    first, second = scores.values()
    changes = difference(second, first)
    return {
        "scores": {
            name: {"binary.dataset_iou": r["binary"]["dataset_iou"], "species.mean_iou": r["species"]["mean_iou"]}
            for name, r in reports.items()
        },
        "ci95": {name: {key: intervals(each)[key] for key in SHOWN} for name, each in scores.items()},
        "difference": {key: changes[key] for key in SHOWN},
    }


def row_of(disturbance: Disturbance, scores: Mapping[str, PetScores], plain: dict[str, dict[str, float]]) -> dict:
    """An entry of "disturbances"."""
    row = compared_scores(scores)
    drop = {
        name: {key: plain[name][key] - value for key, value in shown.items()} for name, shown in row["scores"].items()
    }
    return {"kind": disturbance.kind, "strength": disturbance.strength, **row, "drop": drop}
