"""Segments frame after frame with steady edges, over a `Segmenter`; follows no object from one frame to the next.

video = VideoSegmenter(Segmenter.open("fastsegnet"))
for frame in video.stream(images):
    frame.mask
"""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from engine.postprocess import leading, mask_from_probabilities, softmax
from engine.segmenter import NOTHING, Segmenter, confidence_of, finding_of, preprocess, timed
from engine.spec import ModelSpec
from engine.species import settle_probabilities
from engine.video.smoothing import STRENGTH, TemporalSmoothing

STEADINESS = 0.8  # share of the past in the confidence: a pet that comes or goes is told within half a second


@dataclass(frozen=True)
class SegmentedFrame:
    """What the network sees in a frame, in the light of the frames before it.

    Attributes:
        image: uint8 (H, W, 3) RGB, the frame.
        probabilities: float32 (num_classes, h, w), the model's size, smoothed over time, each pet of one species; all
            background where nothing is found.
        found: "found", "unsure" or "nothing", steady over time.
        is_cut: a new scene begins with this frame.
        timings: milliseconds by stage: preprocess, infer, smooth.
        spec: the model's.
    """

    image: np.ndarray
    probabilities: np.ndarray
    found: str
    is_cut: bool
    timings: dict[str, float]
    spec: ModelSpec

    @cached_property
    def labels(self) -> np.ndarray:
        """uint8 (h, w), the model's size: 0 = background, 1.. = `spec.objects`. The mask, quicker and coarser."""
        count = len(self.spec.objects)
        objects = self.probabilities[1 : 1 + count]
        return leading(objects) * (objects.sum(axis=0) > self.probabilities[0])

    @cached_property
    def areas(self) -> dict[str, float]:
        """Share of the frame, 0 to 1, that each object covers."""
        counts = np.bincount(self.labels.ravel(), minlength=1 + len(self.spec.objects))
        shares = counts / self.labels.size
        return {each.name: float(n) for each, n in zip(self.spec.objects, shares[1:], strict=True)}

    @cached_property
    def mask(self) -> np.ndarray:
        """uint8 (H, W), the frame's own size: 0 = background, 1.. = `spec.objects`. Computed when first asked for."""
        return mask_from_probabilities(self.probabilities, self.image.shape[:2], len(self.spec.objects))


@dataclass(frozen=True)
class SizedFrame:
    """A frame that has come in the model's size as well, so that nothing need be resized.

    Attributes:
        image: uint8 (H, W, 3) RGB.
        seen: uint8 (h, w, 3), the same, the model's size.
        preprocess_ms: milliseconds that this took.
    """

    image: np.ndarray
    seen: np.ndarray
    preprocess_ms: float = 0.0


class VideoSegmenter:
    """Segments the frames of one clip or camera, in order. For one thread; the segmenter under it may be shared.

    Args:
        segmenter: what segments a frame.
        smoothing: share of the past in a pixel where the picture stands still, 0 (each frame by itself) to below 1.
    """

    def __init__(self, segmenter: Segmenter, smoothing: float = STRENGTH) -> None:
        self.segmenter = segmenter
        self._smoothing = TemporalSmoothing(smoothing)
        self._confidence: float | None = None  # averaged over the frames so far

    def reset(self) -> None:
        """Forgets the frames so far, as before a new clip."""
        self._smoothing.reset()
        self._confidence = None

    def step(self, frame: np.ndarray | SizedFrame) -> SegmentedFrame:
        """Segments the next frame.

        Args:
            frame: uint8 (H, W, 3) RGB; frames may differ in size.

        Raises:
            InferenceError: the runtime failed.
        """
        return self._finish(*self._infer(frame))

    def stream(self, frames: Iterable[np.ndarray | SizedFrame], at_once: int = 1) -> Iterator[SegmentedFrame]:
        """Segments all frames in order, while the caller uses those that are ready.

        Args:
            frames: uint8 (H, W, 3) RGB each; pulled when there is room, `at_once` ahead at the most.
            at_once: frames in the network at a time; as many as the backend was opened for (`Options.requests`).

        Raises:
            InferenceError: the runtime failed.
        """
        with ThreadPoolExecutor(at_once, thread_name_prefix="frames") as pool:
            waiting: deque[Future] = deque()
            try:
                for frame in frames:
                    waiting.append(pool.submit(self._infer, frame))
                    if len(waiting) > at_once:
                        yield self._finish(*waiting.popleft().result())
                while waiting:
                    yield self._finish(*waiting.popleft().result())
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def _infer(self, frame: np.ndarray | SizedFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, float]]:
        """The frame, the same as the network takes it, its logits, the milliseconds of each stage."""
        if isinstance(frame, SizedFrame):
            image, batch, preprocess_ms = frame.image, frame.seen[None], frame.preprocess_ms
        else:
            image = frame
            batch, preprocess_ms = timed(preprocess, image, self.segmenter.spec.size_hw)
        logits, infer_ms = timed(self.segmenter.backend.infer, batch)
        return image, batch[0], logits[0], {"preprocess": preprocess_ms, "infer": infer_ms}

    def _finish(
        self, image: np.ndarray, seen: np.ndarray, logits: np.ndarray, timings: dict[str, float]
    ) -> SegmentedFrame:
        (shown, found, is_cut), smooth_ms = timed(self._decide, seen, softmax(logits))
        return SegmentedFrame(image, shown, found, is_cut, {**timings, "smooth": smooth_ms}, self.segmenter.spec)

    def _decide(self, seen: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, str, bool]:
        """What is shown of a frame, in the light of those before it: its probabilities, what is found, a cut or not."""
        spec = self.segmenter.spec
        probabilities, is_cut = self._smoothing(seen, probabilities)
        now = confidence_of(probabilities, len(spec.objects)) or 0.0
        past = now if self._confidence is None or is_cut else self._confidence
        self._confidence = STEADINESS * past + (1 - STEADINESS) * now
        found = finding_of(self._confidence, spec)
        if found == NOTHING:
            return only_background(probabilities), found, is_cut
        return settle_probabilities(probabilities, len(spec.objects)), found, is_cut


def only_background(probabilities: np.ndarray) -> np.ndarray:
    """Probabilities of that shape, float32 (num_classes, h, w), in which everything is background."""
    nothing = np.zeros_like(probabilities)
    nothing[0] = 1
    return nothing
