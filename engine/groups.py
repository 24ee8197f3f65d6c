"""Scores by species and by breed: a good mean can hide an animal that is always missed."""

from collections import Counter

from engine.intervals import draws, interval
from engine.metrics import NOTHING, PetScores, PhotoCounts

SPECIES = ("cat", "dog")


def by_species(scores: PetScores) -> dict[str, dict]:
    """The scores of each species' photos, and what their animals are called: a row of the confusion."""
    return {
        name: group | {"called": dict(zip((*SPECIES, NOTHING), _called(photos), strict=True))}
        for name, photos in _parts(scores, "species").items()
        for group in [_group(photos)]
    }


def by_breed(scores: PetScores) -> dict[str, dict]:
    """The scores of each breed's photos, by name."""
    return {name: _group(photos) for name, photos in _parts(scores, "breed").items()}


def species_accuracy(photos: list[PhotoCounts]) -> float:
    """Share of the photos whose animal is called by its species; one that is not found is wrong."""
    return sum(photo.called == photo.species for photo in photos) / len(photos)


def _parts(scores: PetScores, attribute: str) -> dict[str, list[PhotoCounts]]:
    parts: dict[str, list[PhotoCounts]] = {}
    for photo in scores.photos:
        parts.setdefault(getattr(photo, attribute), []).append(photo)
    return dict(sorted(parts.items()))


def _group(photos: list[PhotoCounts]) -> dict:
    report = PetScores(photos).report()
    again = PetScores(photos).headlines(draws(len(photos)))
    return {
        "images": len(photos),
        "dataset_iou": report["binary"]["dataset_iou"],
        "dataset_iou_ci95": interval(again["binary.dataset_iou"]),
        "mean_image_iou": report["binary"]["mean_image_iou"],
        "species_accuracy": species_accuracy(photos),
    }


def _called(photos: list[PhotoCounts]) -> list[int]:
    counts = Counter(photo.called for photo in photos)
    return [counts[name] for name in (*SPECIES, NOTHING)]
