"""A backend without a network, for tests and for trying the page: it answers by brightness."""

import numpy as np

from engine.backends.base import BackendInfo
from engine.errors import InferenceError


class FakeBackend:
    """Calls bright pixels cat, dark pixels background, and blue ones dog.

    The logits of background, cat, dog and border follow from one pixel alone, so that a test can work them out:
    background 0; cat (brightness - 128) / 16; dog the same plus (blue - red) / 16; border -10.

    Args:
        failure: raised, as the cause of an `InferenceError`, by every `infer` where it is not None.
        offset: added to the cat's logit, to make two fakes that disagree.
    """

    def __init__(self, failure: Exception | None = None, offset: float = 0.0) -> None:
        self.failure = failure
        self.offset = offset

    def infer(self, batch: np.ndarray) -> np.ndarray:
        if self.failure is not None:
            raise InferenceError(f"The fake backend failed ({self.failure}).") from self.failure
        pixels = batch.astype(np.float32)
        cat = (pixels.mean(axis=3) - 128) / 16 + self.offset
        dog = cat + (pixels[..., 2] - pixels[..., 0]) / 16
        return np.stack([np.zeros_like(cat), cat, dog, np.full_like(cat, -10)], axis=1)

    def describe(self) -> BackendInfo:
        return BackendInfo("fake", "1", "CPU", "FP32", 1)
