"""The one door through which a clip from outside comes in.

Whatever the file (MP4, MOV, WebM, MKV, AVI), what goes on are upright RGB frames with the moments at which they are
shown. What it is, and whether it is within the limits, is said before any work starts.
"""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from types import TracebackType

import av
import numpy as np

from engine.errors import InputError
from engine.machine import usable_cores
from engine.segmenter import timed
from engine.video.container import check_file, open_container
from engine.video.pixels import UprightRGB

MAX_SECONDS = 600.0  # ten minutes of 30 frames a second are 18,000 runs of the network: some minutes of work
MAX_SIDE = 4096  # px: "4K"; the largest that browsers play, and a dozen such frames at a time fit into 1 GB of memory
MIN_SIDE = 16  # px, as for pictures
GUESSED_RATE = Fraction(25)  # of a clip that says nothing about its rate


@dataclass(frozen=True)
class ClipInfo:
    """What a clip is, known before it is decoded.

    Attributes:
        name: of the file.
        size_hw: height and width, upright, px.
        turned: degrees clockwise by which a player turns what is stored, 0, 90, 180 or 270.
        seconds: from the first frame to the end of the last.
        frames: how many; where `is_estimate`, about.
        is_estimate: the file does not count its frames.
        rate: frames a second, on average.
        codec: of the picture, "h264".
        sounds: codecs of the sound tracks, ("aac",).
        pixel_aspect: width of a pixel over its height, upright; 1 nearly always.
        megabytes: of the file.
        cut_short: the file ends before what its index announces.
    """

    name: str
    size_hw: tuple[int, int]
    turned: int
    seconds: float
    frames: int
    is_estimate: bool
    rate: float
    codec: str
    sounds: tuple[str, ...]
    pixel_aspect: Fraction
    megabytes: float
    cut_short: bool

    def in_words(self) -> str:
        """ "12.0 s, 640 x 360 px, about 360 frames (30 a second), h264, sound aac, turned by 90 degrees clockwise"."""
        height, width = self.size_hw
        about = "about " if self.is_estimate else ""
        words = [
            f"{self.seconds:.1f} s",
            f"{width} x {height} px",
            f"{about}{self.frames} frames ({self.rate:.3g} a second)",
        ]
        words += [self.codec, f"sound {', '.join(self.sounds)}" if self.sounds else "no sound"]
        if self.turned:
            words.append(f"turned by {self.turned} degrees clockwise")
        return ", ".join(words)

    def as_json(self) -> dict:
        """The same for `--json`; "size_hw" is a list, "pixel_aspect" a number."""
        return asdict(self) | {
            "size_hw": list(self.size_hw),
            "sounds": list(self.sounds),
            "pixel_aspect": float(self.pixel_aspect),
        }


@dataclass(frozen=True)
class Frame:
    """A decoded frame.

    Attributes:
        image: uint8 (H, W, 3) RGB, upright, the clip's size.
        pts: when it is shown, in units of the clip's `time_base`; larger than that of the frame before.
        duration: for how long, in the same units; 0 where the file does not say.
        decode_ms: milliseconds that reading, decoding and converting it took, waiting for a core included.
        seen: uint8 (h, w, 3), the same at the size that was asked for; None where none was, or where the frame is one
            that only the engine can bring to it (transparent, or of another size than the first).
        seen_ms: milliseconds that this took.
    """

    image: np.ndarray
    pts: int
    duration: int
    decode_ms: float
    seen: np.ndarray | None = None
    seen_ms: float = 0.0


class Clip:
    """A clip that is open; a context manager. Its first frame is decoded already, so that what it is is certain.

    Args:
        path: of the file.

    Raises:
        InputError: it is missing, empty, no clip, without a picture or a frame, cut short before its first frame, in a
            codec that is not there, or beyond a limit; says which.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.skipped = 0  # damaged frames so far
        megabytes = check_file(path)
        self._container = open_container(path)
        try:
            self._stream = self._picture_track()
            self.time_base = self._stream.time_base or Fraction(1, 1000)
            seconds, frames, is_estimate = self._length()
            self._check_length(seconds)
            self._decoded = self._decode()
            first = next(self._decoded, None)
            if first is None:
                raise InputError(f"{path.name} holds no frame that can be decoded. Record or export it again.")
            self._first = first
            self._upright = UprightRGB(first)
            self._check_size()
            self.info = self._describe(megabytes, seconds, frames, is_estimate)
        except BaseException:
            self._container.close()
            raise

    def __enter__(self) -> "Clip":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._container.close()

    def frames(self, seen_hw: tuple[int, int] | None = None) -> Iterator[Frame]:
        """All frames, decoded one by one as they are asked for; can be walked through once.

        Damaged frames are left out and counted in `skipped`; a file that is cut short gives those that are there.

        Args:
            seen_hw: height and width at which a network sees them, for `Frame.seen`.

        Raises:
            InputError: it goes on beyond `MAX_SECONDS`, whatever it announced.
        """
        usual = max(1, round(1 / (self.info.rate * self.time_base)))
        begin = last = None
        started = time.perf_counter()
        for frame in chain([self._first], self._decoded):
            pts = frame.pts if frame.pts is not None else (0 if last is None else last + usual)
            if last is not None and pts <= last:  # a moment that is taken can show nothing new
                continue
            begin, last = (pts if begin is None else begin), pts
            self._check_length(float((pts - begin) * self.time_base))
            image = self._picture(frame)
            decode_ms = (time.perf_counter() - started) * 1e3
            seen, seen_ms = timed(self._upright.stretched, frame, seen_hw) if seen_hw else (None, 0.0)
            yield Frame(image, pts, frame.duration or 0, decode_ms, seen, seen_ms)
            started = time.perf_counter()

    def _picture(self, frame: av.VideoFrame) -> np.ndarray:
        try:
            return self._upright(frame)
        except av.FFmpegError as error:
            raise InputError(
                f"{self.path.name} has pixels that cannot be converted ({frame.format.name}). Export it as H.264 (MP4)."
            ) from error

    def _decode(self) -> Iterator[av.VideoFrame]:
        self._stream.thread_type = "AUTO"
        self._stream.codec_context.thread_count = min(4, usable_cores())
        try:
            for packet in self._container.demux(self._stream):
                yield from self._decode_packet(packet)
        except av.FFmpegError:  # the container itself breaks off
            self.skipped += 1

    def _decode_packet(self, packet: av.Packet) -> list[av.VideoFrame]:
        if packet.is_corrupt:  # the last one of a file that is cut short
            self.skipped += 1
            return []
        try:
            return packet.decode()
        except av.FFmpegError:
            self.skipped += 1
            return []

    def _picture_track(self) -> av.VideoStream:
        tracks = [s for s in self._container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
        if not tracks:
            held = "sound only" if self._container.streams.audio else "no track that can be read"
            raise InputError(f"{self.path.name} has no video track ({held}). Choose a clip with a picture.")
        track = tracks[0]
        if track.codec_context is None:
            raise InputError(
                f"{self.path.name} has its picture in a codec that is not known here. Export it as H.264 (MP4)."
            )
        return track

    def _length(self) -> tuple[float, int, bool]:
        """Seconds, frames, and whether the frames are an estimate; read through where the file does not say."""
        track, seconds = self._stream, 0.0
        if track.duration:
            seconds = float(track.duration * self.time_base)
        elif self._container.duration:
            seconds = self._container.duration / av.time_base
        if not seconds:
            return self._count()
        rate = track.average_rate or track.guessed_rate or GUESSED_RATE
        return seconds, track.frames or max(1, round(seconds * rate)), not track.frames

    def _count(self) -> tuple[float, int, bool]:
        """Reads all packets, without decoding any: a browser's recorder writes no length into its files."""
        with open_container(self.path) as container:
            (track,) = (each for each in container.streams.video if each.index == self._stream.index)
            shown = [(p.pts, p.duration or 0) for p in container.demux(track) if p.pts is not None]
        if not shown:
            return 0.0, 0, False
        (begin, _), (end, lasts) = min(shown), max(shown)
        lasts = lasts or (end - begin) // max(1, len(shown) - 1)
        return float((end + lasts - begin) * self.time_base), len(shown), False

    def _check_length(self, seconds: float) -> None:
        if seconds > MAX_SECONDS:
            raise InputError(
                f"{self.path.name} lasts {clock(seconds)}; at most {clock(MAX_SECONDS)} are taken. "
                "Cut out the part you want."
            )

    def _check_size(self) -> None:
        height, width = self._upright.size_hw
        if max(height, width) > MAX_SIDE:
            raise InputError(
                f"{self.path.name} is {width} x {height} px; at most {MAX_SIDE} on a side are taken. Export it smaller."
            )
        if min(height, width) < MIN_SIDE:
            raise InputError(f"{self.path.name} is {width} x {height} px; at least {MIN_SIDE} x {MIN_SIDE} are needed.")

    def _describe(self, megabytes: float, seconds: float, frames: int, is_estimate: bool) -> ClipInfo:
        turn, track = self._upright.turn, self._stream
        aspect = track.sample_aspect_ratio or Fraction(1)
        entries = track.index_entries
        return ClipInfo(
            name=self.path.name,
            size_hw=self._upright.size_hw,
            turned=turn.degrees,
            seconds=seconds,
            frames=frames,
            is_estimate=is_estimate,
            rate=float(track.average_rate or frames / seconds),
            codec=track.codec_context.name,
            sounds=tuple(s.codec_context.name if s.codec_context else "unknown" for s in self._container.streams.audio),
            pixel_aspect=1 / aspect if turn.transpose else aspect,
            megabytes=megabytes,
            cut_short=bool(len(entries)) and entries[-1].pos + entries[-1].size > megabytes * 1e6,
        )


def clock(seconds: float) -> str:
    """ "10:00:00", "10:00 minutes", "9.5 s"."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02} hours"
    return f"{whole // 60}:{whole % 60:02} minutes" if whole >= 60 else f"{seconds:.1f} s"
