"""A clip in, a clip with an effect out. Decoding, the network, the effect and encoding overlap; memory has a bound.

decode (a thread) -> network (several frames at once) -> smoothing, in order -> effect (several) -> encode (a thread)

Each arrow holds a few frames at most; a stage that is full makes the one before it wait.
"""

import threading
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import cv2
import numpy as np

from engine.backends import BackendOptions
from engine.effects import DEFAULT_EFFECT_OPTIONS, EffectOptions, apply_effect, check_effect
from engine.errors import InputError, unknown_name
from engine.machine import usable_cores
from engine.matte import EDGES
from engine.progress import OnProgress, Step, silent
from engine.segmenter import Segmenter, timed
from engine.video.clip import Clip, Frame
from engine.video.pipeline import ahead, in_order, until
from engine.video.record import Record
from engine.video.segmenter import SegmentedFrame, SizedFrame, VideoSegmenter
from engine.video.smoothing import STRENGTH
from engine.video.writer import ClipWriter, Format, open_writer

AHEAD = 3  # frames that may wait before and after the network: enough for one slow frame
PROGRESS_SECONDS = 0.2
CUT_SHORT = 1.0  # seconds of an announced clip that are missing before it is said


def network_options(cores: int | None = None) -> BackendOptions:
    """How a backend is opened for a clip: a frame on each core, which wastes less than cores that share a frame.

    Measured on two cores: 2 requests of 1 thread give 1.05 to 1.1 times the frames of 1 request of 2.
    """
    return BackendOptions(threads=1, requests=cores or usable_cores())


@dataclass(frozen=True)
class Look:
    """What is made of each frame.

    Attributes:
        effect: one of `engine.effects.EFFECTS`.
        options: of the effect.
        smoothing: share of the past where the picture stands still, 0 to below 1.
    """

    effect: str = "overlay"
    options: EffectOptions = DEFAULT_EFFECT_OPTIONS
    smoothing: float = STRENGTH

    def check(self) -> None:
        """Says what is wrong before work starts.

        Raises:
            InputError: an unknown effect, a smoothing or an option out of range.
        """
        check_effect(self.effect, self.options)
        if self.options.edge not in EDGES:
            raise unknown_name("edge", self.options.edge, EDGES)
        if not 0 <= self.smoothing < 1:
            raise InputError(f"A smoothing of {self.smoothing:g} cannot be used. Give 0 (none) to 0.95.")


@dataclass(frozen=True)
class Lane:
    """A backend that is open, by its name."""

    name: str
    segmenter: Segmenter
    at_once: int = 1


def render(
    clip: Clip,
    out: Path,
    look: Look,
    lane: Lane,
    compared: Lane | None = None,
    *,
    on_progress: OnProgress = silent,
    stop: threading.Event | None = None,
) -> dict:
    """Renders a clip.

    Args:
        clip: open; its sound goes along.
        out: the file to write, ending in .mp4.
        look: what is made of each frame.
        lane: what segments them.
        compared: a second backend that sees each frame too; both then answer one after the other, in changing order, so
            that neither disturbs the other.
        on_progress: told how far it is.
        stop: set from elsewhere, it ends the clip here: what is done is kept, the sound ends with it.

    Returns:
        "frames", "clip_seconds" (of them), "seconds" (spent), "throughput_fps", "cores_busy" (CPU time over time),
        "cancelled", "notes" (sentences on what is missing), "stages_ms" (by stage the median of a frame and the total,
        on the clock of its own thread, waiting for a core included: stages overlap, so the totals are more than
        "seconds"), "latency_ms" (by backend, median, p90 and p99 of preprocess + infer + smooth while all else works
        too), "over_time" (the same along the clip), "presence" (share of the frames in which each object is found),
        "perhaps" (of those in which it is perhaps), "cuts", and "agreement" where two backends are compared.

    Raises:
        InputError: the clip, the look or the file cannot be used; nothing is left behind.
        InferenceError: a runtime failed; nothing is left behind.
        KeyboardInterrupt: `stop` came before the first frame; nothing is left behind.
    """
    look.check()
    stop, record = stop or threading.Event(), Record(lane.segmenter.spec, clip.time_base)
    kind = Format(clip.info.size_hw, clip.time_base, clip.info.rate, clip.info.pixel_aspect)
    started, started_cpu = time.perf_counter(), time.process_time()
    tell = Telling(on_progress, clip.info.frames)
    with open_writer(out, kind, clip.path) as writer:
        with ExitStack() as stack:
            stack.enter_context(one_opencv_thread())
            frames = stack.enter_context(closing(ahead(until(stop, clip.frames(lane.segmenter.spec.size_hw)), AHEAD)))
            seen = stack.enter_context(closing(segment(frames, lane, compared, look.smoothing, record)))
            drawn = stack.enter_context(closing(in_order(partial(draw, look), seen, usable_cores(), AHEAD)))
            written = stack.enter_context(closing(in_order(partial(write, writer), drawn, 1, AHEAD)))
            for timings in written:
                record.note_stages(timings)
                tell(writer.frames)
        if not writer.frames:
            raise KeyboardInterrupt
        tell.finishing()
        writer.finish(cut_sound=stop.is_set())
    seconds = time.perf_counter() - started
    result = {
        "frames": writer.frames,
        "clip_seconds": writer.seconds,
        "seconds": seconds,
        "throughput_fps": writer.frames / seconds,
        "cores_busy": (time.process_time() - started_cpu) / seconds,
        "cancelled": stop.is_set(),
        "notes": notes_on(clip, writer, is_whole=not stop.is_set()),
        **record.summary(),
    }
    return result | ({"agreement": record.agreement_summary()} if compared else {})


def segment(
    frames: Iterable[Frame], lane: Lane, compared: Lane | None, smoothing: float, record: Record
) -> Generator[tuple[Frame, SegmentedFrame], None, None]:
    """Each frame with what the network sees in it; both are noted."""
    under_way: deque[Frame] = deque()

    def images() -> Iterator[np.ndarray | SizedFrame]:
        for frame in frames:
            under_way.append(frame)
            yield frame.image if frame.seen is None else SizedFrame(frame.image, frame.seen, frame.seen_ms)

    answers = stream(images(), lane, smoothing) if compared is None else in_turn(images(), lane, compared, smoothing)
    with closing(answers):
        for seen, *others in answers:
            frame = under_way.popleft()
            record.note_frame(frame, seen, lane.name)
            for other in others:
                agreed = float(np.mean(other.labels == seen.labels))
                record.note_compared(compared.name if compared else "", other, agreed)
            yield frame, seen


def stream(
    images: Iterable[np.ndarray | SizedFrame], lane: Lane, smoothing: float
) -> Generator[tuple[SegmentedFrame, ...], None, None]:
    """What one backend sees, several frames at once."""
    answers = VideoSegmenter(lane.segmenter, smoothing).stream(images, lane.at_once)
    with closing(cast(Generator[SegmentedFrame, None, None], answers)):
        for seen in answers:
            yield (seen,)


def in_turn(
    images: Iterable[np.ndarray | SizedFrame], lane: Lane, compared: Lane, smoothing: float
) -> Generator[tuple[SegmentedFrame, ...], None, None]:
    """What two backends see, one after the other; who begins changes from frame to frame."""
    both = [VideoSegmenter(each.segmenter, smoothing) for each in (lane, compared)]
    for number, image in enumerate(images):
        order = (0, 1) if number % 2 == 0 else (1, 0)
        answers = {place: both[place].step(image) for place in order}
        yield answers[0], answers[1]


def draw(look: Look, item: tuple[Frame, SegmentedFrame]) -> tuple[Frame, np.ndarray, dict[str, float]]:
    """A frame with its effect: uint8 (H, W, 3), and the milliseconds of the stages so far."""
    frame, seen = item
    drawn, effect_ms = timed(apply_effect, look.effect, frame.image, seen.probabilities, seen.spec, look.options)
    return frame, drawn, {"decode": frame.decode_ms, **seen.timings, "effect": effect_ms}


def write(writer: ClipWriter, item: tuple[Frame, np.ndarray, dict[str, float]]) -> dict[str, float]:
    """Writes a frame; the milliseconds of all its stages."""
    frame, drawn, timings = item
    _, encode_ms = timed(writer.write, drawn, frame.pts, frame.duration)
    return {**timings, "encode": encode_ms}


@contextmanager
def one_opencv_thread() -> Iterator[None]:
    """Each frame has a thread already: OpenCV's own on top of that cost a third more time of the cores."""
    usual = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(usual)


class Telling:
    """Says how far a render is, a few times a second.

    Args:
        on_progress: is told.
        frames: that there will be, about.
    """

    def __init__(self, on_progress: OnProgress, frames: int) -> None:
        self._on_progress, self._frames = on_progress, max(1, frames)
        self._first: float | None = None  # when the first frame was done: until then all was warming up
        self._told = 0.0

    def __call__(self, done: int) -> None:
        now = time.perf_counter()
        if self._first is None:
            self._first = now
        elif now - self._told >= PROGRESS_SECONDS:
            self._told = now
            fps = (done - 1) / (now - self._first)
            what = f"frame {done} of {max(done, self._frames)}, {fps:.1f} frames a second"
            left_s = max(0.0, (self._frames - done) / fps)
            self._on_progress(Step(done, max(done, self._frames), what, left_s))

    def finishing(self) -> None:
        self._on_progress(Step(self._frames, self._frames, "writing the index of the file", 0.0))


def notes_on(clip: Clip, writer: ClipWriter, is_whole: bool) -> list[str]:
    """Sentences on what is missing from the result and why."""
    notes = []
    announced = clip.info.seconds
    if is_whole and (clip.info.cut_short or announced - writer.seconds > CUT_SHORT):
        notes.append(f"The clip breaks off after {writer.seconds:.1f} s of the {announced:.1f} s that it announces.")
    if clip.skipped:
        notes.append(
            f"{clip.skipped} damaged piece{'' if clip.skipped == 1 else 's'} of the clip could not be decoded."
        )
    if writer.left_out:
        notes.append(f"Sound in a codec that is not known here was left out ({', '.join(writer.left_out)}).")
    return notes
