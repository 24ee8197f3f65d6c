"""The engine's front door: a picture in, a segmentation out, whatever the runtime.

segmenter = Segmenter.open("fastsegnet", backend="openvino-int8")
segmentation = segmenter.predict("cat.jpg")
segmentation.areas         {"cat": 0.41, "dog": 0.0}
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from engine.backends import DEFAULT_BACKEND_OPTIONS, INT8_BACKEND, Backend, BackendInfo, BackendOptions, open_backend
from engine.images import ImageSource, Picture, read_picture
from engine.machine import usable_cores
from engine.postprocess import TINY, mask_from_logits, probabilities_from_logits, softmax
from engine.spec import Model, ModelSpec
from engine.species import settle

DEFAULT_MODEL = "fastsegnet"
DEFAULT_BACKEND = INT8_BACKEND
AVERAGED_FROM = 6.0  # shrinking by this much begins by averaging blocks
# Strips of a picture that several cores resize: a power of two, so that their edges are exact in Pillow's arithmetic.
STRIPS = 4 if usable_cores() >= 4 else 2 if usable_cores() >= 2 else 1
Result = TypeVar("Result")
STAGES = ("read", "preprocess", "infer", "postprocess")
SMALLEST_PET = 0.002  # share of the picture under which a species is not named
FOUND, UNSURE, NOTHING = "found", "unsure", "nothing"


@dataclass(frozen=True)
class Segmentation:
    """What the network sees in a picture.

    Attributes:
        mask: uint8 (H, W), the picture's own size: 0 = background, 1.. = `spec.objects`.
        logits: float32 (num_classes, h, w), the model's size, each pet of one species (`engine.species`).
        timings: milliseconds by stage: read, preprocess, infer, postprocess.
        spec: the model's.
        network_logits: the same as the network gave them, for scores.
    """

    mask: np.ndarray
    logits: np.ndarray
    timings: dict[str, float]
    spec: ModelSpec
    network_logits: np.ndarray

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
        """How sure the network is of what it calls a pet, as `confidence_of` says; None where that is nothing."""
        return confidence_of(softmax(self.logits), len(self.spec.objects))

    @property
    def found(self) -> str:
        """Whether there is a pet: "found", "unsure" or "nothing"."""
        return finding_of(self.confidence, self.spec)

    @property
    def pets(self) -> list[str]:
        """The species in the mask, the largest first; those that are no speck, or else the largest of all."""
        return pets_in(self.areas)


def confidence_of(probabilities: np.ndarray, num_objects: int) -> float | None:
    """The mean of `foreground_share` over a user's mask, where it is over a half; None without any.

    How well it keeps its word is in the card (calibration).

    Args:
        probabilities: float32 (num_classes, h, w).
        num_objects: how many classes after the background are objects.

    Example:
        Two pixels with p(background) 0.1 and 0.6, p(cat) 0.7 and 0.2, the rest border: of the first alone, 0.875.
    """
    share = foreground_share(probabilities, num_objects)
    seen = share > 0.5
    return float(share[seen].mean()) if seen.any() else None


def foreground_share(probabilities: np.ndarray, num_objects: int) -> np.ndarray:
    """p(objects) / (p(objects) + p(background)) at each pixel: float32 (h, w); arguments as for `confidence_of`."""
    objects = probabilities[1 : 1 + num_objects].sum(axis=0)
    return objects / np.maximum(objects + probabilities[0], np.float32(TINY))


def finding_of(confidence: float | None, spec: ModelSpec) -> str:
    """ "found", "unsure" or "nothing", by the model's own thresholds."""
    if confidence is None or confidence < spec.finding.unsure:
        return NOTHING
    return FOUND if confidence >= spec.finding.found else UNSURE


def pets_in(areas: dict[str, float]) -> list[str]:
    """The species of `areas` (shares by name) that are no speck, the largest first; else the largest, if any."""
    ranked = [name for name, share in sorted(areas.items(), key=lambda item: -item[1]) if share]
    return [name for name in ranked if areas[name] >= SMALLEST_PET] or ranked[:1]


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
    def open(
        cls,
        model: str | Path = DEFAULT_MODEL,
        backend: str = DEFAULT_BACKEND,
        options: BackendOptions = DEFAULT_BACKEND_OPTIONS,
    ) -> "Segmenter":
        """Opens a model by name or folder on a backend by name; `options` say how it may use the machine.

        Raises:
            InputError: unknown model or backend.
            ArtefactError: the artefact is missing, changed or unreadable.
            BackendUnavailableError: the runtime is not on this machine.
        """
        opened = Model.open(model)
        return cls(opened.spec, open_backend(backend, opened, options))

    def predict(self, source: ImageSource) -> Segmentation:
        """Segments one picture.

        Args:
            source: a path, the bytes of a file, an open file, a Pillow image, or uint8 (H, W, 3) RGB.

        Raises:
            InputError: it is no picture we can use.
            InferenceError: the runtime failed.
        """
        return self.segment(*timed(read_picture, source, self.spec.size_hw))

    def segment(self, picture: Picture, read_ms: float = 0.0) -> Segmentation:
        """Segments a picture that is read already; several backends can share it."""
        return self.segment_together([picture], [read_ms])[0]

    def segment_together(self, pictures: Sequence[Picture], read_ms: Sequence[float]) -> list[Segmentation]:
        """Segments pictures in one run of the network, as a backend opened with `BackendOptions(batch=...)` wants them.

        Args:
            pictures: read already; any sizes.
            read_ms: milliseconds that reading each took, for its timings. The time of the network is shared out evenly.
        """
        batches, preprocess_ms = zip(
            *(timed(preprocess, each.image, self.spec.size_hw) for each in pictures), strict=True
        )
        batch = batches[0] if len(batches) == 1 else np.concatenate(batches)
        logits, infer_ms = timed(self.backend.infer, batch)
        segmentations = []
        for number, picture in enumerate(pictures):
            (settled, mask), mask_ms = timed(self._decide, logits[number], picture.size_hw)
            spent = (read_ms[number], preprocess_ms[number], infer_ms / len(pictures), mask_ms)
            timings = dict(zip(STAGES, spent, strict=True))
            segmentations.append(Segmentation(mask, settled, timings, self.spec, logits[number]))
        return segmentations

    def _decide(self, logits: np.ndarray, size_hw: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """The logits with one species for each pet, and the mask."""
        settled = settle(logits, len(self.spec.objects))
        return settled, mask_from_logits(settled, size_hw, len(self.spec.objects))

    def describe(self) -> BackendInfo:
        """What really runs."""
        return self.backend.describe()


def timed(function: Callable[..., Result], *args: object) -> tuple[Result, float]:
    """What a function returns, and the milliseconds it took."""
    started = time.perf_counter()
    result = function(*args)
    return result, (time.perf_counter() - started) * 1e3


def preprocess(image: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """A picture as the network takes it: uint8 (1, h, w, 3), stretched by Pillow's antialiased bilinear.

    Every backend gets the very same array, so a difference between two answers is the runtime's own.
    """
    if image.shape[:2] != size_hw:
        shrinks_much = max(have / want for have, want in zip(image.shape[:2], size_hw, strict=True)) >= AVERAGED_FROM
        image = stretch(image, size_hw) if shrinks_much or size_hw[0] % STRIPS else stretch_by_strips(image, size_hw)
    return np.ascontiguousarray(image)[None]


def stretch(image: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """The picture at another size: uint8 (h, w, 3).

    Averaging blocks first, where it shrinks by much, looks the same and takes a fraction of the time.
    """
    gap = AVERAGED_FROM / 2  # Pillow averages blocks of two pixels from twice the gap on
    return np.array(Image.fromarray(image).resize(size_hw[::-1], Image.Resampling.BILINEAR, reducing_gap=gap))


def stretch_by_strips(image: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """The very same pixels as `stretch`, a strip of rows on each core; Pillow itself uses one.

    Args:
        image: uint8 (H, W, 3).
        size_hw: of the result; a height that `STRIPS` divides.
    """
    height, width = size_hw
    source, target = Image.fromarray(image), np.empty((height, width, 3), np.uint8)
    scale = image.shape[0] / height

    def fill(rows: slice) -> None:
        box = (0, rows.start * scale, image.shape[1], rows.stop * scale)
        strip = source.resize((width, rows.stop - rows.start), Image.Resampling.BILINEAR, box=box)
        target[rows] = np.asarray(strip)

    edges = [height * i // STRIPS for i in range(STRIPS + 1)]
    first, *others = (slice(top, bottom) for top, bottom in pairwise(edges))
    filling = [_strip_threads().submit(fill, rows) for rows in others]
    fill(first)
    for each in filling:
        each.result()
    return target


@cache
def _strip_threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(1, STRIPS - 1), thread_name_prefix="stretch")
