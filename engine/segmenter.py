"""The engine's front door: a picture in, a segmentation out, whatever the runtime.

segmenter = Segmenter.open("fastsegnet", backend="openvino-int8")
segmentation = segmenter.predict("cat.jpg")
segmentation.areas         {"cat": 0.41, "dog": 0.0}
"""

import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from engine.backends import Backend, BackendInfo, open_backend
from engine.images import ImageSource, Picture, read_picture
from engine.postprocess import mask_from_logits, probabilities_from_logits
from engine.spec import Model, ModelSpec

DEFAULT_MODEL = "fastsegnet"
DEFAULT_BACKEND = "openvino-int8"
STAGES = ("read", "preprocess", "infer", "postprocess")


@dataclass(frozen=True)
class Segmentation:
    """What the network sees in a picture.

    Attributes:
        mask: uint8 (H, W), the picture's own size: 0 = background, 1.. = `spec.objects`.
        logits: float32 (num_classes, h, w), the model's size.
        timings: milliseconds by stage: read, preprocess, infer, postprocess.
        spec: the model's.
    """

    mask: np.ndarray
    logits: np.ndarray
    timings: dict[str, float]
    spec: ModelSpec

    @property
    def size_hw(self) -> tuple[int, int]:
        """The picture's own height and width, px."""
        return self.mask.shape[0], self.mask.shape[1]

    @cached_property
    def probabilities(self) -> np.ndarray:
        """Softmax at the picture's own size: float32 (num_classes, H, W). Computed when first asked for."""
        return probabilities_from_logits(self.logits, self.size_hw)

    @cached_property
    def areas(self) -> dict[str, float]:
        """Share of the picture, 0 to 1, that each object covers."""
        counts = np.bincount(self.mask.ravel(), minlength=len(self.spec.objects) + 1)
        return {c.name: float(n) / self.mask.size for c, n in zip(self.spec.objects, counts[1:], strict=True)}

    @cached_property
    def confidence(self) -> float | None:
        """Mean p(not background) over the pixels called an object, at the model's size; None where there is none.

        The network's own opinion: it is not calibrated.
        """
        chance = 1 - probabilities_from_logits(self.logits, self.spec.size_hw)[0]
        found = chance > 0.5
        return float(chance[found].mean()) if found.any() else None


class Segmenter:
    """Segments pictures with one model on one backend; may be shared by threads.

    Args:
        spec: what the model says of itself.
        backend: the model, loaded.
    """

    def __init__(self, spec: ModelSpec, backend: Backend) -> None:
        self.spec = spec
        self.backend = backend

    @classmethod
    def open(cls, model: str | Path = DEFAULT_MODEL, backend: str = DEFAULT_BACKEND) -> "Segmenter":
        """Opens a model by name or folder on a backend by name.

        Raises:
            InputError: unknown model or backend.
            ArtefactError: the artefact is missing, changed or unreadable.
            BackendUnavailableError: the runtime is not on this machine.
        """
        opened = Model.open(model)
        return cls(opened.spec, open_backend(backend, opened))

    def predict(self, source: ImageSource) -> Segmentation:
        """Segments one picture.

        Args:
            source: a path, the bytes of a file, an open file, a Pillow image, or uint8 (H, W, 3) RGB.

        Raises:
            InputError: it is no picture we can use.
            InferenceError: the runtime failed.
        """
        started = time.perf_counter()
        picture = read_picture(source, needed_hw=self.spec.size_hw)
        return self.segment(picture, read_ms=(time.perf_counter() - started) * 1e3)

    def segment(self, picture: Picture, read_ms: float = 0.0) -> Segmentation:
        """Segments a picture that is read already; several backends can share it."""
        clock = [time.perf_counter()]
        batch = preprocess(picture.image, self.spec.size_hw)
        clock.append(time.perf_counter())
        logits = self.backend.infer(batch)[0]
        clock.append(time.perf_counter())
        mask = mask_from_logits(logits, picture.size_hw, len(self.spec.objects))
        clock.append(time.perf_counter())
        spent = [read_ms, *(float(ms) for ms in np.diff(clock) * 1e3)]
        return Segmentation(mask, logits, dict(zip(STAGES, spent, strict=True)), self.spec)

    def describe(self) -> BackendInfo:
        """What really runs."""
        return self.backend.describe()


def preprocess(image: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """A picture as the network takes it: uint8 (1, h, w, 3), stretched by Pillow's antialiased bilinear.

    Every backend gets the very same array, so a difference between two answers is the runtime's own.
    """
    if image.shape[:2] != size_hw:
        height, width = size_hw
        # Shrinking over six times begins by averaging blocks, which looks the same and takes a fraction of the time.
        resized = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR, reducing_gap=3.0)
        image = np.array(resized)
    return np.ascontiguousarray(image)[None]
