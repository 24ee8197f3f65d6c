"""Whether a probability means what it says: of all that is called 80 % sure, are 80 % right?

Probabilities are sorted into 15 bins of equal width. In each, the mean probability stands beside the share that came
true; the expected calibration error (ECE) is the mean distance between the two, each bin weighted by what is in it.

Source: Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, arXiv:1706.04599.
"""

from dataclasses import dataclass, field

import numpy as np

from engine.dataset import BACKGROUND, BORDER, UNKNOWN
from engine.metrics import SPECIES_CLASSES
from engine.segmenter import Segmentation

BINS = 15


@dataclass
class Reliability:
    """Adds up probabilities and what came of them, by bin.

    Attributes:
        counts: float64 (BINS,), how many there are.
        probabilities: float64 (BINS,), their sum.
        outcomes: float64 (BINS,), how many came true.
    """

    counts: np.ndarray = field(default_factory=lambda: np.zeros(BINS))
    probabilities: np.ndarray = field(default_factory=lambda: np.zeros(BINS))
    outcomes: np.ndarray = field(default_factory=lambda: np.zeros(BINS))

    def add(self, probability: np.ndarray, outcome: np.ndarray) -> None:
        """Counts some.

        Args:
            probability: float (N,), 0 to 1.
            outcome: bool or float (N,): came true (1), did not (0), or the share that did.
        """
        bins = np.minimum((probability * BINS).astype(np.intp), BINS - 1)
        self.counts += np.bincount(bins, minlength=BINS)
        self.probabilities += np.bincount(bins, probability, BINS)
        self.outcomes += np.bincount(bins, outcome, BINS)

    @property
    def ece(self) -> float:
        """Expected calibration error, 0 to 1.

        Example:
            0.9 four times, of which three came true, and 0.1 once, which did not: (4 * 0.15 + 1 * 0.1) / 5 = 0.14.
        """
        return float(np.abs(self.probabilities - self.outcomes).sum() / self.counts.sum())

    def report(self) -> dict:
        """The error, and a row for each bin that is not empty."""
        rows = [
            {
                "from": number / BINS,
                "to": (number + 1) / BINS,
                "share": float(count / self.counts.sum()),
                "mean_probability": float(self.probabilities[number] / count),
                "came_true": float(self.outcomes[number] / count),
            }
            for number, count in enumerate(self.counts)
            if count
        ]
        return {"ece": self.ece, "table": rows}


@dataclass
class Calibration:
    """Calibration of what the engine says of photos.

    Attributes:
        pixels: p(not background) of each pixel, at the annotation's resolution; the border counts as pet.
        pixels_without_border: the same, pixels annotated as border left out.
        found: the confidence of each photo with a mask; true is the share of the mask that is pet, the annotated border
            left out, since that is what `engine.segmenter.confidence_of` promises.
        named: the same confidence; true where the pet is called by its species.
    """

    pixels: Reliability = field(default_factory=Reliability)
    pixels_without_border: Reliability = field(default_factory=Reliability)
    found: Reliability = field(default_factory=Reliability)
    named: Reliability = field(default_factory=Reliability)

    def add(self, trimap: np.ndarray, species: str, segmentation: Segmentation) -> None:
        """Counts one photo.

        Args:
            trimap: uint8 (H, W), the annotation: 1 = pet, 2 = background, 3 = border, 0 = unknown, does not count.
            species: "cat" or "dog".
            segmentation: of the same photo.
        """
        chance = 1 - segmentation.probabilities[0]
        is_pet = trimap != BACKGROUND
        for reliability, counted in (
            (self.pixels, trimap != UNKNOWN),
            (self.pixels_without_border, (trimap != UNKNOWN) & (trimap != BORDER)),
        ):
            reliability.add(chance[counted], is_pet[counted])
        found = (segmentation.mask > 0) & (trimap != UNKNOWN) & (trimap != BORDER)
        if segmentation.confidence is None or not found.any():
            return
        confidence = np.array([segmentation.confidence])
        called = 1 + np.bincount(segmentation.mask[found], minlength=len(SPECIES_CLASSES))[1:].argmax()
        self.found.add(confidence, np.array([is_pet[found].mean()]))
        self.named.add(confidence, np.array([SPECIES_CLASSES[called] == species]))

    def report(self) -> dict:
        """The "calibration" of `evaluate --json`."""
        parts = {name: getattr(self, name) for name in ("pixels", "pixels_without_border", "found", "named")}
        return {"bins": BINS} | {name: part.report() for name, part in parts.items() if part.counts.any()}
