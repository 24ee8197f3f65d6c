"""Training at several scales: a batch is resized to a side that is drawn for it.

What is drawn depends on the seed, the epoch and the number of the batch alone, so that a resumed run and several
processes draw the same.
"""

import math

import numpy as np
import torch
from torch.nn import functional

from engine.errors import InputError

STRIDE = 32  # sides of a batch are multiples of it


def parse_scales(text: str) -> tuple[float, ...]:
    """Factors of the side, from a text such as "0.75,1,1.25".

    Raises:
        InputError: they are no positive numbers with commas between them.
    """
    try:
        scales = tuple(float(word) for word in text.split(","))
    except ValueError:
        scales = ()
    if not scales or not all(0 < scale < math.inf for scale in scales):
        raise InputError(f"--scales is {text!r}; expected numbers above 0, such as 0.75,1,1.25.")
    return scales


def drawn_side(size: int, scales: tuple[float, ...], seed: int, epoch: int, batch: int) -> int:
    """The side of a batch, px: a multiple of 32, the nearest to `size` times a scale that is drawn.

    Example:
        256 px at a scale of 0.7 is 179 px: 192.
    """
    if scales == (1.0,):
        return size
    scale = np.random.default_rng((seed, epoch, batch, 1)).choice(scales)  # (seed, epoch, index) is a picture
    return max(STRIDE, STRIDE * math.floor(size * scale / STRIDE + 0.5))


def resize_images(images: torch.Tensor, side: int) -> torch.Tensor:
    """Images at another size, bilinear and antialiased: uint8 (N, side, side, 3) from uint8 (N, H, W, 3)."""
    if images.shape[1:3] == (side, side):
        return images
    planes = resize_planes(images.permute(0, 3, 1, 2).float(), side)
    return planes.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def resize_planes(planes: torch.Tensor, side: int) -> torch.Tensor:
    """Numbers at another size, bilinear and antialiased: float32 (N, C, side, side) from float32 (N, C, H, W)."""
    if planes.shape[2:] == (side, side):
        return planes
    return functional.interpolate(planes, (side, side), mode="bilinear", align_corners=False, antialias=True)


def resize_masks(masks: torch.Tensor, side: int) -> torch.Tensor:
    """Class ids at another size, those at the pixels' centres: int64 (N, side, side) from uint8 (N, H, W)."""
    if masks.shape[1:] != (side, side):
        masks = functional.interpolate(masks[:, None], (side, side), mode="nearest-exact")[:, 0]
    return masks.long()
