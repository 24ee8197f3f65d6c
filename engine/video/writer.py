"""Writes a clip: MP4 with H.264, the frames at their own moments, the sound of another clip beside them."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.codec.context import Flags
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter

from engine.errors import InputError, OutputError
from engine.files import write_aside
from engine.machine import usable_cores
from engine.video.pixels import even
from engine.video.sound import Sound, moment

SUFFIX = ".mp4"
# Measured on two cores at 640 x 360, milliseconds of a core a frame and size at equal quality (PSNR within 0.2 dB):
# superfast 1.9 and 508 kB, veryfast 2.9 and 272 kB, faster 5.7 and 333 kB, medium 7.9 and 326 kB.
PRESET = "veryfast"
QUALITY = "20"  # x264's constant rate factor: no difference that is seen at normal size
OFFSETS_A_SECOND = "1000000"  # MP4 keeps where a track begins in these units; the usual 1000 would shift sound by 1 ms
KEY_FRAME_SECONDS = 2.0  # a player jumps to these
_BT709 = 1  # AVCOL_SPC_BT709


@dataclass(frozen=True)
class Format:
    """What is the same for all frames of a clip.

    Attributes:
        size_hw: height and width, px; an odd one is written with its last row or column twice.
        time_base: seconds of one unit of `pts`; kept as it is.
        rate: frames a second, on average.
        pixel_aspect: width of a pixel over its height.
    """

    size_hw: tuple[int, int]
    time_base: Fraction
    rate: float
    pixel_aspect: Fraction = Fraction(1)


class ClipWriter:
    """A clip that is being written; `open_writer` opens one. For one thread.

    Args:
        partial: where it is written, as MP4 whatever its name.
        path: what it will be called, for what is said of errors.
        format: of the frames.
        sound_of: the clip whose sound tracks are taken along; None for no sound.
    """

    def __init__(self, partial: Path, path: Path, format: Format, sound_of: Path | None = None) -> None:
        self._path, self._format = path, format
        self._convert = VideoReformatter()
        # The index comes first, so that a page plays the file while it loads.
        units = {"video_track_timescale": str(format.time_base.denominator), "movie_timescale": OFFSETS_A_SECOND}
        self._container = av.open(
            f"file:{partial}", "w", format="mp4", container_options={"movflags": "+faststart", **units}
        )
        self._stream = self._add_picture()
        self._sound = Sound(sound_of, self._container) if sound_of else None
        self._begin: float | None = None  # seconds of the clip at which the first frame begins
        self._end = 0.0  # and the last one ends
        self.frames = 0

    @property
    def seconds(self) -> float:
        """From the first frame to the end of the last, as a player shows them."""
        return self._end - (self._begin or 0.0)

    @property
    def left_out(self) -> list[str]:
        """Codecs of sound tracks that could not be taken along."""
        return self._sound.left_out if self._sound else []

    def write(self, image: np.ndarray, pts: int, duration: int = 0) -> None:
        """Writes the next frame, and the sound up to it.

        Args:
            image: uint8 (H, W, 3) RGB, the format's size.
            pts: when it is shown, in units of the format's time base; more than before.
            duration: for how long; 0 for as long as a frame lasts on average.
        """
        frame = self._coded(image)
        frame.pts, frame.time_base = pts, self._format.time_base
        frame.duration = duration or max(1, round(1 / (self._format.rate * self._format.time_base)))
        with errors_in_words(self._path):
            self._mux(frame)
        if self._begin is None:
            self._begin = float(pts * self._format.time_base)
        self._end = float((pts + frame.duration) * self._format.time_base)
        self.frames += 1

    def _coded(self, image: np.ndarray) -> av.VideoFrame:
        """The picture as H.264 takes it: BT.709, limited range, half the colours."""
        return self._convert.reformat(
            av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(even(image))),
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            threads=1,
        )

    def finish(self, cut_sound: bool = False) -> None:
        """Writes what is still on its way and the index.

        Args:
            cut_sound: the sound ends with the last frame; else it goes on to its own end.
        """
        with errors_in_words(self._path):
            self._mux(None)
            if self._sound:
                self._sound.write_until(self._end if cut_sound else None)
                self._sound.close(is_complete=True)
            self._container.close()

    def abandon(self) -> None:
        """Closes the files; what was written is of no use."""
        if self._sound:
            self._sound.close(is_complete=False)
        self._container.close()

    def _mux(self, frame: av.VideoFrame | None) -> None:
        for packet in self._stream.encode(frame):
            if self._sound:
                self._sound.write_until(moment(packet))
            self._container.mux(packet)

    def _add_picture(self) -> av.VideoStream:
        height, width = (side + side % 2 for side in self._format.size_hw)
        rate = Fraction(self._format.rate).limit_denominator(1001)
        stream = self._container.add_stream(
            "libx264", rate=rate, width=width, height=height, options={"preset": PRESET, "crf": QUALITY}
        )
        context = stream.codec_context
        context.pix_fmt, context.time_base = "yuv420p", self._format.time_base
        context.sample_aspect_ratio = self._format.pixel_aspect
        context.colorspace, context.color_range = _BT709, ColorRange.MPEG
        context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        context.thread_count = min(4, usable_cores())
        context.gop_size = max(1, round(KEY_FRAME_SECONDS * self._format.rate))
        context.flags |= Flags.frame_duration
        return stream


@contextmanager
def open_writer(path: Path, format: Format, sound_of: Path | None = None) -> Iterator[ClipWriter]:
    """A writer whose file is there whole or not at all; the caller ends with `finish`.

    Args:
        path: of the clip, ending in .mp4.
        format: of the frames.
        sound_of: the clip whose sound tracks are taken along; None for no sound.

    Raises:
        InputError: the path ends otherwise, or is the clip that is read.
        OutputError: it cannot be written.
    """
    check_path(path, sound_of)
    with write_aside(path) as partial:
        with errors_in_words(path):
            writer = ClipWriter(partial, path, format, sound_of)
        try:
            yield writer
        except BaseException:
            with suppress(av.FFmpegError):  # the first error is the one to tell
                writer.abandon()
            raise


@contextmanager
def errors_in_words(path: Path) -> Iterator[None]:
    """Turns what FFmpeg says of a disk that is full or cannot be written into an `OutputError`."""
    try:
        yield
    except av.FFmpegError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror}). Name another place.") from error


def check_path(path: Path, source: Path | None = None) -> None:
    """Says what is wrong with a name before there is anything to write.

    Raises:
        InputError: it ends in something else than .mp4, or is the clip that is read.
    """
    if path.suffix.lower() != SUFFIX:
        raise InputError(f"{path} would be written as MP4 (H.264). Name a file that ends in {SUFFIX}.")
    if source is not None and path.exists() and path.samefile(source):
        raise InputError(f"{path} is the clip that is read. Name another file to write.")
