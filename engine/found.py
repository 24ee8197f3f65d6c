"""What a user is told of photos, counted: found, unsure or nothing, and the right species or not."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from engine.progress import track
from engine.segmenter import FOUND, NOTHING, UNSURE, Segmentation, Segmenter


@dataclass
class FoundCounts:
    """Counts photo after photo."""

    told: Counter[str] = field(default_factory=Counter)
    right_species: int = 0

    def add(self, segmentation: Segmentation, species: str | None = None) -> None:
        """Counts a photo; `species` is the one that it shows, None where it shows both or none."""
        self.told[segmentation.found] += 1
        if species is not None and segmentation.found != NOTHING:
            self.right_species += segmentation.pets[:1] == [species]

    def report(self) -> dict[str, int]:
        """The "found" of `evaluate --json`: counts of photos.

        The species is right where the largest pet of a photo of one species, found or unsure, is called so.
        """
        return {
            "photos": self.told.total(),
            **{name: self.told[name] for name in (FOUND, UNSURE, NOTHING)},
            "right_species": self.right_species,
        }


def false_alarms(segmenter: Segmenter, photos: list[Path]) -> dict[str, int]:
    """The "false_alarms" of `evaluate --json`: on how many photos without a pet one is found, or perhaps.

    Raises:
        InputError: a photo cannot be read.
    """
    counts = FoundCounts()
    for photo in track(photos, "looking for false alarms"):
        counts.add(segmenter.predict(photo))
    report = counts.report()
    return {name: report[name] for name in ("photos", FOUND, UNSURE)}
