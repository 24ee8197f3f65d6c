"""What of an evaluation report is compared, and the drop from one model to another in points of IoU."""

from collections.abc import Mapping
from typing import Any

# Where the reports of `engine.evaluate` hold each score.
SCORES = {
    "binary": ("binary", "dataset_iou"),
    "mean image": ("binary", "mean_image_iou"),
    "trimap": ("trimap", "mean_iou"),
    "species": ("species", "mean_iou"),
    "boundary": ("boundary_iou",),
}
JUDGED = ("binary", "mean image", "trimap", "species")  # what a limit on the drop is about; the outline is only told


def read_scores(report: Mapping) -> dict[str, float]:
    """The scores of an evaluation report by name, each a share from 0 to 1."""
    scores = {}
    for name, path in SCORES.items():
        value: Any = report
        for key in path:
            value = value[key]
        scores[name] = float(value)
    return scores


def drops(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """What each score lost, in points; a gain is negative.

    Example:
        {"binary": 0.91} and {"binary": 0.905} give {"binary": 0.5}.
    """
    return {name: (before[name] - after[name]) * 100 for name in before}


def worst_drop(dropped: Mapping[str, float]) -> float:
    """The largest drop of the judged scores, in points; negative where all of them gained."""
    return max(dropped[name] for name in JUDGED)
