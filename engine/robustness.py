"""How much of its scores a model keeps on disturbed photos, FP32 beside INT8."""

from collections.abc import Mapping

from engine.dataset import Sample
from engine.disturbances import DISTURBANCES, AnnotatedImage, Disturbance
from engine.evaluate import count_photo, read_annotated
from engine.images import Picture
from engine.intervals import difference, intervals
from engine.metrics import PetScores
from engine.progress import counting
from engine.segmenter import Segmenter

SHOWN = ("binary.dataset_iou", "species.mean_iou")
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
            count(segmenters, sample, (picture.image, trimap), undisturbed)
            advance()
            for disturbance, scores in zip(DISTURBANCES, disturbed, strict=True):
                count(segmenters, sample, disturbance.apply(picture.image, trimap, sample.name), scores)
                advance()
    plain = compared_scores(undisturbed)
    rows = [
        row_of(disturbance, scores, plain["scores"])
        for disturbance, scores in zip(DISTURBANCES, disturbed, strict=True)
    ]
    return {"images": len(samples), "undisturbed": plain, "disturbances": rows}


def count(
    segmenters: Mapping[str, Segmenter], sample: Sample, annotated: AnnotatedImage, scores: Mapping[str, PetScores]
) -> None:
    """Adds what each segmenter makes of a picture to its scores."""
    image, trimap = annotated
    picture = Picture(image, trimap.shape)
    for name, segmenter in segmenters.items():
        count_photo(scores[name], sample, trimap, segmenter.segment(picture))


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
