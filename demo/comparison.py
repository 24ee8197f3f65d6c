"""Two lanes on one photo: whether they see the same."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from demo.answers import Answers, Seen
from demo.lanes import Lanes


@dataclass(frozen=True)
class Comparison:
    """What two backends see in a photo.

    Attributes:
        left, right: what each sees.
        precisions: what each really executes in, by backend.
    """

    left: Seen
    right: Seen
    precisions: dict[str, str]

    @cached_property
    def agreement(self) -> float:
        """Share of pixels, 0 to 1, on which left and right give the same class."""
        left, right = self.left.segmentation.mask, self.right.segmentation.mask
        return float(np.count_nonzero(left == right) / left.size)

    def numbers(self) -> dict:
        """All figures, for a program."""
        sides = {each.backend: each.segmentation for each in (self.left, self.right)}
        return {
            "size_hw": list(self.right.segmentation.size_hw),
            "left": self.left.backend,
            "right": self.right.backend,
            "agreement": self.agreement,
            "found": {name: each.found for name, each in sides.items()},
            "areas": {name: each.areas for name, each in sides.items()},
            "confidence": {name: each.confidence for name, each in sides.items()},
            "executes": self.precisions,
        }


def compare(lanes: Lanes, answers: Answers, photo: str, left: str, right: str) -> Comparison:
    """Segments a photo with both, as far as that was not done yet.

    Raises:
        InputError: the photo cannot be read, or a backend is unknown.
        EngineError: a backend cannot run here, or failed.
    """
    one, other = (answers.see(photo, name) for name in (left, right))
    precisions = {name: lanes.get(name).describe().precision for name in (left, right)}
    return Comparison(one, other, precisions)
