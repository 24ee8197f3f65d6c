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
from engine.segmenter import Segmenter, preprocess, timed
from engine.spec import ModelSpec
from engine.video.smoothing import STRENGTH, TemporalSmoothing


@dataclass(frozen=True)
class SegmentedFrame:
    """What the network sees in a frame, in the light of the frames before it.

    Attributes:
        image: uint8 (H, W, 3) RGB, the frame.
        probabilities: float32 (num_classes, h, w), the model's size, smoothed over time.
        is_cut: a new scene begins with this frame.
        timings: milliseconds by stage: preprocess, infer, smooth.
        spec: the model's.
    """

    image: np.ndarray
    probabilities: np.ndarray
    is_cut: bool
    timings: dict[str, float]
    spec: ModelSpec

    @cached_property
    def labels(self) -> np.ndarray:
        """uint8 (h, w), the model's size: 0 = background, 1.. = `spec.objects`. The mask, quicker and coarser."""
        count = len(self.spec.objects)
        return leading(self.probabilities[1 : 1 + count]) * (self.probabilities[0] < 0.5)

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

    def reset(self) -> None:
        """Forgets the frames so far, as before a new clip."""
        self._smoothing.reset()

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
        (probabilities, is_cut), smooth_ms = timed(lambda: self._smoothing(seen, softmax(logits)))
        return SegmentedFrame(image, probabilities, is_cut, {**timings, "smooth": smooth_ms}, self.segmenter.spec)
