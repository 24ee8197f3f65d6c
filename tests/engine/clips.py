"""Clips made by code, for the tests of `engine.video`: colours that say where they are, sound, any moments."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

# Top left, top right, bottom left, bottom right.
CORNERS = ((200, 40, 40), (40, 180, 40), (40, 40, 200), (200, 200, 200))


def corners(size_hw: tuple[int, int]) -> np.ndarray:
    """A picture of four colours: uint8 (H, W, 3)."""
    height, width = size_hw
    image = np.zeros((height, width, 3), np.uint8)
    for color, rows, columns in zip(CORNERS, (0, 0, 1, 1), (0, 1, 0, 1), strict=True):
        image[rows * height // 2 :, columns * width // 2 :] = color
    return image


def corner_colors(image: np.ndarray) -> list[tuple[int, ...]]:
    """The colours in the middle of each quarter of a picture, in the order of `CORNERS`."""
    height, width = image.shape[:2]
    places = [(height // 4, width // 4), (height // 4, width * 3 // 4)]
    places += [(height * 3 // 4, width // 4), (height * 3 // 4, width * 3 // 4)]
    return [tuple(int(value) for value in image[place]) for place in places]


def is_near(color: Sequence[int], wanted: Sequence[int], levels: int = 4) -> bool:
    return all(abs(int(a) - int(b)) <= levels for a, b in zip(color, wanted, strict=True))


def make_clip(
    path: Path,
    images: Sequence[np.ndarray],
    moments: Sequence[int] | None = None,
    time_base: Fraction = Fraction(1, 30),
    codec: str = "libx264",
    turned: int = 0,
    mirrored: bool = False,
    sounds: Sequence[str] = (),
    sound_from: float = 0.0,
    sound_seconds: float | None = None,
    pixel_aspect: Fraction | None = None,
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
) -> Path:
    """Writes a clip; what is not given is as plain as can be.

    Args:
        path: its ending says which container.
        images: uint8 (H, W, 3) each.
        moments: when each is shown, in units of the time base; one after the other without it.
        time_base: seconds of such a unit.
        codec: of the picture.
        turned: degrees counterclockwise by which a player turns it.
        mirrored: a player swaps left and right after that.
        sounds: codecs of tracks with a tone of 440 Hz.
        sound_from: seconds at which they begin.
        sound_seconds: how long they are; as long as the picture without it.
        pixel_aspect: width of a pixel over its height.
        pixel_format: FFmpeg's name.
        options: of the container.
    """
    moments = list(moments) if moments is not None else list(range(len(images)))
    with av.open(str(path), "w", container_options=options or {}) as container:
        rate = Fraction(1, 1) / time_base if time_base.numerator == 1 and time_base.denominator <= 60 else Fraction(30)
        picture = container.add_stream(codec, rate=rate, width=images[0].shape[1], height=images[0].shape[0])
        picture.codec_context.pix_fmt, picture.codec_context.time_base = pixel_format, time_base
        if pixel_aspect:
            picture.codec_context.sample_aspect_ratio = pixel_aspect
        if turned or mirrored:
            picture.set_display_rotation(turned, hflip=mirrored)
        tracks = [container.add_stream(name, rate=48_000, layout="mono") for name in sounds]
        for image, moment in zip(images, moments, strict=True):
            frame = av.VideoFrame.from_ndarray(image)
            frame.pts, frame.time_base = moment, time_base
            container.mux(picture.encode(frame))
        container.mux(picture.encode(None))
        length = float((moments[-1] + 1) * time_base) if sound_seconds is None else sound_seconds
        for track in tracks:
            for frame in tone(length, sound_from):
                container.mux(track.encode(frame))
            container.mux(track.encode(None))
    return path


def tone(seconds: float, begin: float, rate: int = 48_000, at_once: int = 1024):
    """Frames of sound."""
    times = np.arange(round(seconds * rate)) / rate
    wave = (np.sin(2 * np.pi * 440 * times) * 8000).astype(np.int16)
    for start in range(0, len(wave), at_once):
        frame = av.AudioFrame.from_ndarray(wave[None, start : start + at_once].copy(), format="s16", layout="mono")
        frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
        frame.pts = round(begin * rate) + start
        yield frame


def shown(path: Path) -> list[tuple[float, np.ndarray]]:
    """The frames of a clip as PyAV decodes them: the second of each, and uint8 (H, W, 3), not turned."""
    with av.open(str(path)) as container:
        return [
            (float(frame.pts * frame.time_base), frame.to_ndarray(format="rgb24"))
            for frame in container.decode(video=0)
        ]


def packets(path: Path, track: int = 0) -> list[bytes]:
    """What a sound track holds, packet by packet."""
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=track) if packet.pts is not None]


def sound_span(path: Path) -> tuple[float, float]:
    """When the tone of a clip's first sound track begins, to a sample, and when its sound ends, seconds."""
    with av.open(str(path)) as container:
        frames = [(float(f.pts * f.time_base), f.to_ndarray(), f.samples, f.sample_rate)
                  for f in container.decode(audio=0)]  # fmt: skip
    for start, samples, _, rate in frames:
        loud = np.flatnonzero(np.abs(samples / (32768 if samples.dtype == np.int16 else 1)).max(axis=0) > 0.05)
        if len(loud):
            return start + loud[0] / rate, frames[-1][0] + frames[-1][2] / rate
    raise AssertionError("no tone")
