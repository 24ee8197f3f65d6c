"""One photo through all lanes: what each saw, what each cost."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from demo.lanes import Lanes
from engine.images import ImageSource, Picture, read_picture
from engine.latency import Samples, compare_all, measure, summarise
from engine.segmenter import Segmentation


@dataclass(frozen=True)
class Comparison:
    """What the page shows of a photo.

    Attributes:
        picture: the photo, all its pixels.
        left, right: the backends compared.
        segmentations: of those two, by backend.
        precisions: what each of those two really executes in, by backend.
        samples: milliseconds of every lane that runs, by backend.
        failures: why the other lanes do not run, by backend.
    """

    picture: Picture
    left: str
    right: str
    segmentations: dict[str, Segmentation]
    precisions: dict[str, str]
    samples: dict[str, Samples]
    failures: dict[str, str]

    @property
    def medians(self) -> dict[str, float]:
        """Median milliseconds from decoded picture to mask, by backend."""
        return {name: float(np.median(rows.sum(axis=1))) for name, rows in self.samples.items()}

    @property
    def agreement(self) -> float:
        """Share of pixels, 0 to 1, on which left and right give the same class."""
        return float(np.mean(self.segmentations[self.left].mask == self.segmentations[self.right].mask))

    def numbers(self) -> dict:
        """All figures, for a program; the entries of `benchmark --json` among them."""
        return {
            "size_hw": list(self.picture.size_hw),
            "left": self.left,
            "right": self.right,
            "agreement": self.agreement,
            "areas": {name: s.areas for name, s in self.segmentations.items()},
            "confidence": {name: s.confidence for name, s in self.segmentations.items()},
            "executes": self.precisions,
            "backends": {name: summarise(rows) for name, rows in self.samples.items()},
            "ratios": compare_all(self.samples),
            "rounds": max(map(len, self.samples.values()), default=0),
            "unavailable": self.failures,
        }


def compare_lanes(
    lanes: Lanes,
    photo: ImageSource,
    left: str,
    right: str,
    on_progress: Callable[[float, str], None] = lambda share, what: None,
) -> Comparison:
    """Runs a photo through every lane.

    Args:
        lanes: the backends.
        photo: as `engine.images.read_picture` takes it.
        left: backend on the left of the slider.
        right: backend on the right.
        on_progress: told the share done, 0 to 1, and what is going on.

    Raises:
        InputError: the photo cannot be read, or a backend is unknown.
        EngineError: the left or right backend cannot run here.
    """
    on_progress(0.0, "Reading the photo")
    picture = read_picture(photo)
    needed = read_picture(photo, needed_hw=lanes.spec.size_hw)  # as `Segmenter.predict` reads it
    on_progress(0.05, "Opening the backends")
    chosen = {name: lanes.get(name) for name in (left, right)}
    segmenters = lanes.available()
    on_progress(0.2, "Segmenting")
    segmentations = {name: segmenter.segment(needed) for name, segmenter in chosen.items()}

    def timing(share: float) -> None:
        on_progress(0.3 + 0.7 * share, "Timing the backends")

    with lanes.quiet.measuring():
        measured = measure(segmenters, [needed], lanes.rounds, on_progress=timing)
    precisions = {name: segmenter.describe().precision for name, segmenter in chosen.items()}
    return Comparison(
        picture, left, right, segmentations, precisions, measured.samples, lanes.failures() | measured.failures
    )
