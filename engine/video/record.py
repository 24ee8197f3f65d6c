"""What is noted of each frame of a render, and what is told of it in the end."""

from array import array
from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np

from engine.latency import tails
from engine.segmenter import FOUND, NOTHING, pets_in
from engine.spec import ModelSpec
from engine.video.clip import Frame
from engine.video.segmenter import SegmentedFrame

STAGES = ("decode", "preprocess", "infer", "smooth", "effect", "encode")
MAX_POINTS = 600  # of a chart; a longer clip has the median and the maximum of several frames in one


class Record:
    """Notes of a render, some bytes a frame: those of ten minutes take less memory than one frame does.

    Args:
        spec: the model's.
        time_base: seconds of one unit of a frame's `pts`.
    """

    def __init__(self, spec: ModelSpec, time_base: Fraction) -> None:
        self._time_base = time_base
        self.seconds = array("d")  # when each frame is shown
        self.stages_ms = {stage: array("f") for stage in STAGES}
        self.latency_ms: dict[str, array[float]] = {}
        self.agreement = array("f")
        self.cuts = 0
        self._shown = {each.name: 0 for each in spec.objects}
        self._perhaps = dict(self._shown)

    @property
    def frames(self) -> int:
        """Frames that are through the network."""
        return len(self.seconds)

    def note_frame(self, frame: Frame, seen: SegmentedFrame, backend: str) -> None:
        """Notes what was seen in a frame, and how long that took.

        Args:
            frame: as decoded.
            seen: by the network.
            backend: its name.
        """
        self.seconds.append(float(frame.pts * self._time_base))
        self.cuts += seen.is_cut
        self._note_latency(backend, seen)
        if seen.found != NOTHING:
            counts = self._shown if seen.found == FOUND else self._perhaps
            for name in pets_in(seen.areas):
                counts[name] += 1

    def note_compared(self, backend: str, seen: SegmentedFrame, agreed: float) -> None:
        """Notes what a second backend made of the same frame; `agreed` is the share of equal pixels, 0 to 1."""
        self._note_latency(backend, seen)
        self.agreement.append(agreed)

    def note_stages(self, timings: Mapping[str, float]) -> None:
        """Notes the milliseconds of each of `STAGES` of a frame that is done."""
        for stage, spent_ms in timings.items():
            self.stages_ms[stage].append(spent_ms)

    def _note_latency(self, backend: str, seen: SegmentedFrame) -> None:
        self.latency_ms.setdefault(backend, array("f")).append(sum(seen.timings.values()))

    def summary(self) -> dict:
        """Fields for `--json`: see `engine.video.render.render`."""
        return {
            "stages_ms": {
                stage: {"median": float(np.median(times)), "total": float(np.sum(times))}
                for stage, times in self.stages_ms.items()
                if times
            },
            "latency_ms": {name: tails(np.asarray(times)) for name, times in self.latency_ms.items()},
            "over_time": over_time(self.seconds, self.latency_ms),
            "presence": self._shares(self._shown),
            "perhaps": self._shares(self._perhaps),
            "cuts": self.cuts,
        }

    def _shares(self, counts: Mapping[str, int]) -> dict[str, float]:
        return {name: count / self.frames if self.frames else 0.0 for name, count in counts.items()}

    def agreement_summary(self) -> dict[str, float]:
        """Mean and least share of pixels on which two backends agree, and when the least was, seconds."""
        least = int(np.argmin(self.agreement))
        return {
            "mean": float(np.mean(self.agreement)),
            "least": float(self.agreement[least]),
            "least_at_s": self.seconds[least],
        }


def over_time(seconds: Sequence[float], latency_ms: Mapping[str, Sequence[float]], points: int = MAX_POINTS) -> dict:
    """Latency along the clip, at most `points` of it.

    Returns:
        "frames_a_point"; "seconds": when the first frame of each point is shown; "backends": by backend "median_ms" and
        "max_ms" of the frames of each point.

    Example:
        Five frames of 1, 2, 9, 4, 5 ms at most three points: points of 2 frames, medians 1.5, 6.5, 5, maxima 2, 9, 5.
    """
    each = max(1, -(-len(seconds) // points))
    starts = range(0, len(seconds), each)

    def along(times: Sequence[float]) -> dict[str, list[float]]:
        groups = [np.asarray(times[start : start + each]) for start in starts]
        return {
            "median_ms": [round(float(np.median(group)), 3) for group in groups],
            "max_ms": [round(float(group.max()), 3) for group in groups],
        }

    return {
        "frames_a_point": each,
        "seconds": [round(seconds[start], 3) for start in starts],
        "backends": {name: along(times) for name, times in latency_ms.items()},
    }
