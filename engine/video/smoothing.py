"""Steady edges: the probabilities of a frame are mixed with those before it where the picture stands still.

A network that sees each frame by itself lets the edge flicker with the camera's noise. Averaging over time calms it,
but drags a ghost behind whatever moves. So each pixel has its own weight: what the picture shows anew is believed at
once, what it shows again is averaged. A cut forgets everything.
"""

import cv2
import numpy as np

STRENGTH = (
    0.7  # share of the past where nothing moves; a step then settles to a tenth within 6 frames (0.7 ** 6 = 0.12)
)
# Grey levels by which a pixel's surroundings change from frame to frame: below the first it is the camera's noise, from
# the second on something moved.
STILL, MOVED = 3.0, 8.0
SURROUNDINGS = (7, 7)  # px at the model's size over which a change is averaged, which noise does not survive
CUT = (
    36.0  # mean change in grey levels of the whole picture: 99 of 100 pairs of unrelated photos of pets differ by more
)


class TemporalSmoothing:
    """Exponential averaging of probabilities over frames, pixel by pixel as far as the picture stands still.

    Args:
        strength: share of the past where nothing moves, 0 (none) to below 1.
    """

    def __init__(self, strength: float = STRENGTH) -> None:
        self.strength = strength
        self.reset()

    def reset(self) -> None:
        """Forgets the frames so far."""
        self._grey: np.ndarray | None = None
        self._past: np.ndarray | None = None

    def __call__(self, image: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, bool]:
        """Takes the next frame.

        Args:
            image: uint8 (h, w, 3) RGB, as the network saw it.
            probabilities: float32 (num_classes, h, w), of that frame alone.

        Returns:
            The probabilities, smoothed, of the same shape, and whether the frame begins a new scene; the first one
            begins none.
        """
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        before, past = self._grey, self._past
        self._grey, self._past = grey, probabilities
        if before is None or past is None or before.shape != grey.shape:
            return probabilities, False
        change = cv2.absdiff(grey, before)
        if cv2.mean(change)[0] > CUT:
            return probabilities, True
        if self.strength:
            self._past = mix(past, probabilities, self.strength * stillness(change))
        return self._past, False


def stillness(change: np.ndarray) -> np.ndarray:
    """How still the picture stands at each pixel, 1 (as before) to 0 (moved).

    Args:
        change: uint8 (h, w), the absolute difference of two frames in grey levels.

    Returns:
        float32 (h, w).

    Example:
        A change of 3 levels or less is 1, of 5.5 levels 0.5, of 8 or more 0.
    """
    around = cv2.blur(change, SURROUNDINGS, borderType=cv2.BORDER_REPLICATE).astype(np.float32)
    return np.clip((MOVED - around) / (MOVED - STILL), 0.0, 1.0)


def mix(past: np.ndarray, now: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """`past` where the weight is 1, `now` where it is 0: float32 (num_classes, h, w)."""
    mixed = past - now
    mixed *= weight
    mixed += now
    return mixed
