"""What photos of users suffer that those of a dataset do not: made from a photo and its trimap, the same every time.

Whatever moves the pet moves the annotation with it. What a disturbed picture shows beside the photo is a mirror of it;
where the mirror is annotated too it counts, and in the corners of a rotated picture it does not.
"""

import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from PIL import Image

from engine.dataset import BACKGROUND, UNKNOWN

AnnotatedImage = tuple[np.ndarray, np.ndarray]
"""A photo, uint8 (H, W, 3) RGB, and its trimap, uint8 (H, W)."""


@dataclass(frozen=True)
class Disturbance:
    """One thing that can happen to a photo, at one strength.

    Attributes:
        kind: "JPEG".
        strength: "quality 30".
        make: gives the disturbed photo and trimap, from both and a source of chance.
    """

    kind: str
    strength: str
    make: Callable[[np.ndarray, np.ndarray, np.random.Generator], AnnotatedImage]

    def apply(self, image: np.ndarray, trimap: np.ndarray, name: str) -> AnnotatedImage:
        """The disturbed photo and trimap; what is drawn by chance depends on the photo's name alone.

        Args:
            image: uint8 (H, W, 3) RGB.
            trimap: uint8 (H, W): 1 = pet, 2 = background, 3 = border.
            name: of the photo.
        """
        seed = zlib.crc32(f"{name} {self.kind} {self.strength}".encode())
        return self.make(image, trimap, np.random.default_rng(seed))


def compressed(image: np.ndarray, trimap: np.ndarray, rng: np.random.Generator, quality: int) -> AnnotatedImage:
    """Saved as a JPEG of that quality and read again."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    with Image.open(file) as saved:
        return np.asarray(saved), trimap


def blurred(image: np.ndarray, trimap: np.ndarray, rng: np.random.Generator, share: float) -> AnnotatedImage:
    """Out of focus: a Gaussian whose standard deviation is a share of the longer side."""
    return cv2.GaussianBlur(image, (0, 0), share * max(trimap.shape)), trimap


def noisy(image: np.ndarray, trimap: np.ndarray, rng: np.random.Generator, deviation: float) -> AnnotatedImage:
    """Taken in the dark: Gaussian noise on every value, its standard deviation in grey levels of 255."""
    noise = rng.normal(0, deviation, image.shape)
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8), trimap


def exposed(image: np.ndarray, trimap: np.ndarray, rng: np.random.Generator, factor: float) -> AnnotatedImage:
    """Darker or brighter: every value times a factor, cut off at white."""
    return cv2.convertScaleAbs(image, alpha=factor), trimap


def rotated(image: np.ndarray, trimap: np.ndarray, rng: np.random.Generator, degrees: float) -> AnnotatedImage:
    """Turned to the left, on a canvas that holds all of it; the corners are mirrored photo and not annotated.

    Example:
        A photo of 40 x 30 px turned by 90 degrees is one of 30 x 40 px without corners.
    """
    height, width = trimap.shape
    cos, sin = abs(np.cos(np.radians(degrees))), abs(np.sin(np.radians(degrees)))
    size = round(height * sin + width * cos), round(height * cos + width * sin)
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1)
    turn[:, 2] += (size[0] - width) / 2, (size[1] - height) / 2
    return (
        cv2.warpAffine(image, turn, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101),
        cv2.warpAffine(trimap, turn, size, flags=cv2.INTER_NEAREST, borderValue=UNKNOWN),
    )


def shrunk(
    image: np.ndarray, trimap: np.ndarray, rng: np.random.Generator, share: float, alone: bool
) -> AnnotatedImage:
    """The photo at a share of its sides, somewhere on a canvas of its old size.

    Args:
        share: of the sides.
        alone: on a plain ground of the mean colour of the photo's frame, so that there is one small pet; or mirrored
            over the canvas, annotation and all, so that there are several.
    """
    height, width = trimap.shape
    size_hw = max(1, round(share * height)), max(1, round(share * width))
    small = cv2.resize(image, size_hw[::-1], interpolation=cv2.INTER_AREA)
    small_trimap = cv2.resize(trimap, size_hw[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    top, left = (int(rng.integers(whole - part + 1)) for whole, part in zip((height, width), size_hw, strict=True))
    around = ((top, height - size_hw[0] - top), (left, width - size_hw[1] - left))
    if not alone:
        return np.pad(small, (*around, (0, 0)), "symmetric"), np.pad(small_trimap, around, "symmetric")
    frame = np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])
    canvas = np.full_like(image, frame.mean(axis=0).round())
    canvas[top : top + size_hw[0], left : left + size_hw[1]] = small
    return canvas, np.pad(small_trimap, around, constant_values=BACKGROUND)


DISTURBANCES = (
    *(Disturbance("JPEG", f"quality {quality}", partial(compressed, quality=quality)) for quality in (75, 30, 10)),
    *(
        Disturbance("blur", f"{share:.2%} of the side", partial(blurred, share=share))
        for share in (0.0025, 0.005, 0.01)
    ),
    *(Disturbance("noise", f"{deviation} of 255", partial(noisy, deviation=deviation)) for deviation in (10, 20, 40)),
    *(Disturbance("darker", f"x {factor}", partial(exposed, factor=factor)) for factor in (0.5, 0.25)),
    *(Disturbance("brighter", f"x {factor}", partial(exposed, factor=factor)) for factor in (1.5, 2.0)),
    *(Disturbance("rotated", f"{degrees} degrees", partial(rotated, degrees=degrees)) for degrees in (15, 45, 90)),
    *(
        Disturbance(kind, f"1/{round(1 / share)} of the side", partial(shrunk, share=share, alone=alone))
        for kind, alone in (("one small pet", True), ("several small pets", False))
        for share in (0.5, 0.25)
    ),
)  # fmt: skip
