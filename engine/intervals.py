"""How sure a score is: 95 % intervals over the photos it was measured on.

Photos are drawn again with replacement, as many as there are, and scored again, many times; the interval holds the
middle 95 % of those scores. It tells how far the score would move with other photos of the same kind, and nothing about
photos of another kind. Two artefacts that saw the same photos are drawn in pairs, so what is hard for both cancels out.

Source: the percentile bootstrap of Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
"""

from functools import lru_cache

import numpy as np

from engine.metrics import PetScores

DRAWS = 2000
SEED = 0


@lru_cache(maxsize=64)  # the artefacts of a table are scored on the same photos, and breeds have few sizes
def draws(photos: int) -> np.ndarray:
    """How often each photo comes in each draw: int64 (DRAWS, photos), every row adds up to `photos`."""
    drawn = np.random.default_rng(SEED).integers(photos, size=(DRAWS, photos))
    cells = drawn + photos * np.arange(DRAWS)[:, None]
    return np.bincount(cells.ravel(), minlength=DRAWS * photos).reshape(DRAWS, photos)


def interval(values: np.ndarray) -> list[float]:
    """Where 95 % of the values lie, as many below as above.

    Example:
        0, 1, .. 1000 give 25 and 975.
    """
    return [float(value) for value in np.nanpercentile(values, [2.5, 97.5])]


def intervals(scores: PetScores) -> dict[str, list[float]]:
    """The 95 % interval of each headline score: the "ci95" of `evaluate --json`."""
    again = scores.headlines(draws(len(scores.photos)))
    return {name: interval(values) for name, values in again.items()}


def difference(scores: PetScores, other: PetScores) -> dict[str, dict]:
    """How much better `scores` are than `other`, of the same photos in the same order.

    Returns:
        By headline score, "difference" (a share: 0.01 is one point) and "ci95", its paired interval.
    """
    assert [photo.annotated for photo in scores.photos] == [photo.annotated for photo in other.photos]
    once = np.ones((1, len(scores.photos)))
    drawn = draws(len(scores.photos))
    measured = _subtract(scores.headlines(once), other.headlines(once))
    again = _subtract(scores.headlines(drawn), other.headlines(drawn))
    return {name: {"difference": float(measured[name][0]), "ci95": interval(again[name])} for name in measured}


def _subtract(left: dict[str, np.ndarray], right: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: left[name] - right[name] for name in left}
