"""From a frame as a codec keeps it to an upright RGB picture: colours, transparency, rotation, size.

Nothing here loops over pixels: conversion is FFmpeg's, turning and padding are OpenCV's.
"""

from dataclasses import dataclass
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import ColorPrimaries, Colorspace, ColorTrc, Interpolation, VideoReformatter

# A clip that does not say its matrix is taken as players take it: BT.601 below this height, BT.709 from it on.
HD_HEIGHT = 720
_UNSPECIFIED_MATRIX = 2  # AVCOL_SPC_UNSPECIFIED
_HDR = {ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67}  # HDR10 and HLG: brighter than a page can show, tones are mapped


@dataclass(frozen=True)
class Turn:
    """What makes a picture upright: first transposed, then mirrored.

    Attributes:
        transpose: rows become columns.
        mirror_x: left and right are swapped.
        mirror_y: top and bottom are swapped.
    """

    transpose: bool = False
    mirror_x: bool = False
    mirror_y: bool = False

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """The picture upright: uint8 (H, W, 3) from uint8 (h, w, 3)."""
        if self.transpose:
            image = cv2.transpose(image)
        if self.mirror_x or self.mirror_y:
            image = cv2.flip(image, -1 if self.mirror_x and self.mirror_y else int(self.mirror_x))
        return image

    @property
    def degrees(self) -> int:
        """By how much it turns clockwise, 0 to 270, mirroring left aside."""
        if self.transpose:
            return 90 if self.mirror_x else 270
        return 180 if self.mirror_y else 0


def turn_of(frame: av.VideoFrame) -> Turn:
    """The turn that the clip asks its player for.

    The display matrix maps a pixel (x, y) of the file to (a x + c y, b x + d y) on the screen, in 16.16 fixed point,
    row by row a, b, _, c, d, _. Of an angle between the four, the nearest is taken.

    Source: libavutil/display.h.
    """
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return Turn()
    a, b, _, c, d = (int(number) for number in np.frombuffer(matrix, np.int32)[:5])
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Turn(transpose=True, mirror_x=c < 0, mirror_y=b < 0)
    return Turn(mirror_x=a < 0, mirror_y=d < 0)


class UprightRGB:
    """Turns the frames of one clip into pictures of one size, that of its first frame.

    Args:
        first: the first frame; what it says of rotation holds for all.
    """

    def __init__(self, first: av.VideoFrame) -> None:
        self.turn = turn_of(first)
        self._stored_hw = (first.height, first.width)
        # Each keeps its tables from frame to frame.
        self._convert, self._shrink = VideoReformatter(), VideoReformatter()

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of every picture, px."""
        return (self._stored_hw[1], self._stored_hw[0]) if self.turn.transpose else self._stored_hw

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        """A frame as uint8 (H, W, 3) RGB, upright; one of another size is fitted between black bars.

        Raises:
            av.FFmpegError: its pixels are in no format that can be converted.
        """
        image = self._on_white(frame) if has_alpha(frame) else self._rgb(frame, "rgb24")
        if image.shape[:2] != self._stored_hw:
            image = fit(image, self._stored_hw)
        return self.turn(image)

    def stretched(self, frame: av.VideoFrame, size_hw: tuple[int, int]) -> np.ndarray | None:
        """The same frame at another size, as a network takes it: uint8 (h, w, 3); None where it is no plain frame.

        FFmpeg converts and shrinks in one go, in a third of the time that Pillow takes for shrinking alone. Both
        average with a triangle over the same pixels; what differs is that colours are shrunk before they are converted:
        by 0.9 of 255 on average, and by 0.0004 +- 0.0005 in the IoU of 150 pets with the truth.

        Raises:
            av.FFmpegError: its pixels are in no format that can be converted.
        """
        if has_alpha(frame) or (frame.height, frame.width) != self._stored_hw:
            return None
        height, width = size_hw[::-1] if self.turn.transpose else size_hw
        sized = {"width": width, "height": height, "interpolation": Interpolation.BILINEAR}
        return self.turn(self._rgb(frame, "rgb24", self._shrink, **sized))

    def _rgb(
        self, frame: av.VideoFrame, pixel_format: str, convert: VideoReformatter | None = None, **sized: Any
    ) -> np.ndarray:
        converted: av.VideoFrame = (convert or self._convert).reformat(
            frame, format=pixel_format, threads=1, **sized, **colors_of(frame)
        )
        return converted.to_ndarray()

    def _on_white(self, frame: av.VideoFrame) -> np.ndarray:
        rgba = self._rgb(frame, "rgba")
        opacity = rgba[..., 3:].astype(np.uint16)
        return ((rgba[..., :3] * opacity + (255 - opacity) * 255 + 127) // 255).astype(np.uint8)


def has_alpha(frame: av.VideoFrame) -> bool:
    """Whether its pixels may be transparent."""
    return any(component.is_alpha for component in frame.format.components)


def colors_of(frame: av.VideoFrame) -> dict[str, Any]:
    """How FFmpeg is to read the colours of a frame: its matrix where it says none, tones mapped where it is HDR."""
    words: dict[str, Any] = {}
    if frame.colorspace == _UNSPECIFIED_MATRIX:
        words["src_colorspace"] = Colorspace.ITU709 if frame.height >= HD_HEIGHT else Colorspace.ITU601
    if frame.color_trc in _HDR:
        words |= {"dst_color_trc": ColorTrc.BT709, "dst_color_primaries": ColorPrimaries.BT709}
        words |= {"src_colorspace": Colorspace.BT2020, "dst_colorspace": Colorspace.ITU709}
    return words


def fit(image: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """The whole picture in the middle of a black one of another size, its shape kept: uint8 (h, w, 3).

    Example:
        100 x 100 px fitted into 200 x 100 (width x height) stays as it is, with bars of 50 px left and right.
    """
    height, width = size_hw
    scale = min(height / image.shape[0], width / image.shape[1])
    inner_h, inner_w = (max(1, round(side * scale)) for side in image.shape[:2])
    top, left = (height - inner_h) // 2, (width - inner_w) // 2
    fitted = np.zeros((height, width, 3), np.uint8)
    cv2.resize(image, (inner_w, inner_h), dst=fitted[top : top + inner_h, left : left + inner_w])
    return fitted


def even(image: np.ndarray) -> np.ndarray:
    """The picture with an even height and width, as H.264's halved colours need: a last row or column is repeated."""
    height, width = image.shape[:2]
    if height % 2 == 0 and width % 2 == 0:
        return image
    return cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
