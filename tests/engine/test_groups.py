"""Scores by species and breed against counts done by hand."""

import numpy as np
import pytest

from engine.groups import by_breed, by_species, species_accuracy
from engine.metrics import PetScores


@pytest.fixture
def scores() -> PetScores:
    """Photos of 4 pixels, the first two of which are the pet."""
    scores = PetScores()
    trimap = np.array([[1, 1, 2, 2]], np.uint8)
    for species, breed, mask in (
        ("cat", "Bombay", [1, 1, 0, 0]),  # IoU 1, a cat
        ("cat", "Bombay", [2, 0, 0, 0]),  # IoU 1 / 2, called a dog
        ("cat", "Sphynx", [0, 0, 0, 0]),  # IoU 0, not found
        ("dog", "pug", [2, 2, 2, 0]),  # IoU 2 / 3, a dog
    ):
        scores.add(trimap, species, np.array([mask], np.uint8), trimap, breed)
    return scores


def test_each_species_tells_what_its_animals_are_called(scores):
    cats, dogs = by_species(scores).values()
    assert cats["called"] == {"cat": 1, "dog": 1, "nothing": 1}
    assert cats["images"] == 3
    assert cats["dataset_iou"] == pytest.approx((2 + 1 + 0) / (2 + 2 + 2))
    assert cats["mean_image_iou"] == pytest.approx((1 + 1 / 2 + 0) / 3)
    assert cats["species_accuracy"] == pytest.approx(1 / 3)
    assert dogs["called"] == {"cat": 0, "dog": 1, "nothing": 0}
    assert dogs["dataset_iou"] == pytest.approx(2 / 3)


def test_each_breed_has_its_scores_and_an_interval(scores):
    breeds = by_breed(scores)
    assert list(breeds) == ["Bombay", "Sphynx", "pug"]
    assert breeds["Bombay"]["dataset_iou"] == pytest.approx(3 / 4)
    # Both draws of the worse photo give 1 / 2, both of the better one 1; a quarter of the draws each.
    assert breeds["Bombay"]["dataset_iou_ci95"] == [0.5, 1.0]
    assert breeds["Sphynx"]["species_accuracy"] == 0.0


def test_an_animal_that_is_not_found_is_not_called_right(scores):
    assert species_accuracy(scores.photos) == pytest.approx(2 / 4)
