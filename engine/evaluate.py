"""How well models do on a split of Oxford-IIIT Pet, and how sure that is."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from engine.backends import BACKENDS
from engine.calibration import Calibration
from engine.dataset import Sample, read_split
from engine.errors import InputError
from engine.found import FoundCounts
from engine.groups import by_breed, by_species, species_accuracy
from engine.images import Picture, read_picture
from engine.intervals import intervals
from engine.metrics import PetScores
from engine.postprocess import protocol_mask, trimap_from_logits
from engine.progress import track
from engine.segmenter import Segmentation, Segmenter

# The backend that scores an artefact: the first that reads it.
SCORED_BY: dict[str, str] = {}
for _name, (_, _artefact) in BACKENDS.items():
    SCORED_BY.setdefault(_artefact, _name)
Item = TypeVar("Item")
OnPhoto = Callable[[Sample, Mapping[str, Segmentation]], object]
"""Told of every photo with what each artefact made of it."""


@dataclass
class Evaluation:
    """What is known of one artefact after some photos."""

    scores: PetScores = field(default_factory=PetScores)
    calibration: Calibration = field(default_factory=Calibration)
    found: FoundCounts = field(default_factory=FoundCounts)

    def add(self, sample: Sample, trimap: np.ndarray, segmentation: Segmentation) -> None:
        """Counts a photo; `trimap` is as `PetScores.add` takes it."""
        count_photo(self.scores, sample, trimap, sample.read_species(), segmentation)
        self.found.add(segmentation, None if sample.shows_both else sample.species)
        self.calibration.add(trimap, sample.species, segmentation)

    def report(self) -> dict:
        """The fields of `evaluate --json` after "split"."""
        return {
            **self.scores.report(),
            "found": self.found.report(),
            "ci95": intervals(self.scores),
            "species_accuracy": species_accuracy(self.scores.photos),
            "by_species": by_species(self.scores),
            "by_breed": by_breed(self.scores),
            "calibration": self.calibration.report(),
        }


def count_photo(
    scores: PetScores,
    sample: Sample,
    trimap: np.ndarray,
    species_map: np.ndarray | None,
    segmentation: Segmentation,
) -> None:
    """Adds a photo to the scores: the protocols by their own rule, the outline by a user's.

    Arguments as for `PetScores.add`.
    """
    logits, size_hw = segmentation.network_logits, trimap.shape
    scores.add(
        trimap,
        sample.species,
        protocol_mask(logits, size_hw, len(segmentation.spec.objects)),
        trimap_from_logits(logits, size_hw),
        sample.breed,
        users_mask=segmentation.mask,
        species_map=species_map,
    )


def evaluate(segmenter: Segmenter, root: Path | str, split: str = "test", limit: int | None = None) -> dict:
    """Scores over a split, each at the annotation's own resolution.

    Args:
        segmenter: a pet model (classes background, cat, dog, border).
        root: the folder that holds oxford-iiit-pet/.
        split: "test" or "trainval".
        limit: so many photos only, evenly spread over the split's list.

    Returns:
        The fields of `evaluate --json` after "split": "images", "binary", "trimap", "species", ...

    Raises:
        InputError: the data cannot be read.
    """
    return score(segmenter, spread(read_split(root, split), limit))


def score(segmenter: Segmenter, samples: list[Sample]) -> dict:
    """Scores over a list of photos, as `evaluate` gives them.

    Raises:
        InputError: a photo or a trimap cannot be read, or they differ in size.
    """
    return evaluate_together({"": segmenter}, track(samples, "evaluating"))[""].report()


def evaluate_together(
    segmenters: Mapping[str, Segmenter], samples: Iterable[Sample], *told: OnPhoto
) -> dict[str, Evaluation]:
    """Scores several artefacts of one model on the same photos, each of which is read once.

    Args:
        segmenters: by a name of one's own.
        samples: the photos.
        told: of each photo, when it is done.

    Raises:
        InputError: a photo or a trimap cannot be read, or they differ in size.
    """
    evaluations = {name: Evaluation() for name in segmenters}
    size_hw = next(iter(segmenters.values())).spec.size_hw
    for sample in samples:
        picture, trimap = read_annotated(sample, size_hw)
        segmentations = {name: segmenter.segment(picture) for name, segmenter in segmenters.items()}
        for name, segmentation in segmentations.items():
            evaluations[name].add(sample, trimap, segmentation)
        for tell in told:
            tell(sample, segmentations)
    return evaluations


def read_annotated(sample: Sample, needed_hw: tuple[int, int] | None = None) -> tuple[Picture, np.ndarray]:
    """A photo, as `read_picture` reads it, and its trimap.

    Raises:
        InputError: the photo or the trimap cannot be read, or they differ in size.
    """
    picture = read_picture(sample.photo, needed_hw)
    trimap = sample.read_trimap()
    if trimap.shape != picture.size_hw:
        raise InputError(
            f"{sample.trimap_path} is {trimap.shape}, its photo {picture.size_hw} (height, width). "
            "They must have one size: restore the files."
        )
    return picture, trimap


def spread(samples: list[Item], limit: int | None) -> list[Item]:
    """`limit` photos, evenly spaced, since the list is ordered by breed."""
    if limit is None or limit >= len(samples):
        return samples
    if limit < 1:
        raise InputError(f"--limit is {limit}; expected 1 or more photos.")
    return [samples[i] for i in np.linspace(0, len(samples) - 1, limit).round().astype(int)]
