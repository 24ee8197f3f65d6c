"""A clip to try the Video tab with: the example cat, seen by a camera that moves and zooms, with grain."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from engine.images import read_picture
from engine.video.writer import Format, open_writer

CAT = Path(__file__).parent / "examples" / "cat.jpg"
RATE = 30
ROOM = 200  # px of ground added to the right of the photo, which the cat would fill otherwise
OUT_OF_FOCUS = 14.0  # px, sigma of the blur of what is added
GRAIN = 4.0  # standard deviation, of 255: a camera indoors


def draw_clip(path: Path, seconds: float = 4.0, size_hw: tuple[int, int] = (360, 640)) -> None:
    """Writes the clip as MP4, without sound.

    Args:
        path: ending in .mp4.
        seconds: how long.
        size_hw: height and width, px.
    """
    photo = with_room(read_picture(CAT).image)
    noise = np.random.default_rng(0).normal(0, GRAIN, (8, *size_hw, 1)).astype(np.int16)
    with open_writer(path, Format(size_hw, Fraction(1, RATE), RATE)) as writer:
        for number in range(round(seconds * RATE)):
            writer.write(view(photo, number / RATE, size_hw, noise[number % len(noise)]), number)
        writer.finish()


def with_room(photo: np.ndarray) -> np.ndarray:
    """The photo with more of its ground to the right: uint8 (h, w + ROOM, 3)."""
    wide = cv2.copyMakeBorder(photo, 0, 0, 0, ROOM, cv2.BORDER_REFLECT_101)
    soft = cv2.GaussianBlur(wide, (0, 0), OUT_OF_FOCUS)
    seam = photo.shape[1] - 20
    share = np.clip((np.arange(wide.shape[1]) - seam) / 20, 0, 1)[None, :, None]
    return np.rint(wide * (1 - share) + soft * share).astype(np.uint8)


def view(photo: np.ndarray, second: float, size_hw: tuple[int, int], noise: np.ndarray) -> np.ndarray:
    """What the camera sees of a photo at a moment: uint8 (H, W, 3).

    Args:
        photo: uint8 (h, w, 3) RGB.
        second: of the clip.
        size_hw: height and width wanted, px.
        noise: int16 (H, W, 1), added.
    """
    height, width = size_hw
    widest = min(photo.shape[1], photo.shape[0] * width / height)  # the largest part of the photo with this aspect
    seen_w = widest * (0.9 + 0.1 * np.cos(2 * np.pi * second / 4))  # from all of it to 80 %
    seen_h = seen_w * height / width
    left = (photo.shape[1] - seen_w) * (0.5 - 0.5 * np.cos(2 * np.pi * second / 4))
    top = (photo.shape[0] - seen_h) * (0.5 + 0.5 * np.sin(2 * np.pi * second / 2))
    scale = width / seen_w
    moved = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]], np.float32)
    image = cv2.warpAffine(photo, moved, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.clip(image + noise, 0, 255).astype(np.uint8)
