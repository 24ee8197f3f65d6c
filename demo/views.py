"""How the answer to a photo is shown: the pet alone, or the photo with an effect."""

from collections.abc import Mapping

import cv2
import numpy as np

from demo.answers import Seen
from demo.drawing import crop_to, dashed_outline
from engine.cutout import on_nothing, sticker
from engine.effects import EFFECTS, EffectOptions, apply_effect, check_effect
from engine.errors import InputError
from engine.matte import opacity
from engine.segmenter import FOUND, UNSURE

ALONE, STICKER = "transparent", "sticker"
# What is chosen on the page: its name for a reader.
VIEWS: Mapping[str, str] = {ALONE: "Cut-out", **{name: effect.label for name, effect in EFFECTS.items()}}
NO_BACKGROUND = "Choose a picture for the background."


def check_view(view: str, options: EffectOptions) -> None:
    """Says what is wrong with a choice.

    Raises:
        InputError: as `engine.effects.check_effect`, or there is no picture for the background yet.
    """
    if view == "replace" and options.background is None:
        raise InputError(NO_BACKGROUND)
    check_effect("overlay" if view == ALONE else view, options)


def draw(seen: Seen, view: str, options: EffectOptions, anyway: bool = False) -> np.ndarray:
    """The picture that the page shows: uint8 (h, w, 3), or (h, w, 4) with a transparent ground.

    Where the network is not sure it is the photo, with a dashed outline of what may be a pet; where it finds nothing,
    the photo.

    Args:
        seen: the photo and what a backend sees in it.
        view: of `VIEWS`.
        options: of the effect.
        anyway: what is not sure is used like what is.

    Raises:
        InputError: as `check_view`.
    """
    check_view(view, options)
    image, segmentation = seen.photo.small, seen.segmentation
    if segmentation.found != FOUND and not anyway:
        if segmentation.found == UNSURE:
            mask = cv2.resize(segmentation.mask, image.shape[1::-1], interpolation=cv2.INTER_NEAREST)
            return dashed_outline(image, mask, segmentation.spec)
        return image
    if view == ALONE:
        alpha = opacity(image, seen.probabilities, segmentation.spec)
        box = crop_to(alpha)
        return on_nothing(np.ascontiguousarray(image[box]), np.ascontiguousarray(alpha[box]))
    if view == STICKER:
        rgba = sticker(image, seen.probabilities, segmentation.spec)
        return rgba[crop_to(np.ascontiguousarray(rgba[..., 3]))]
    return apply_effect(view, image, seen.probabilities, segmentation.spec, options)


def draw_full(seen: Seen, view: str, options: EffectOptions) -> np.ndarray:
    """The same with all the photo's pixels and nothing cropped, for a file.

    Raises:
        InputError: as `check_view`.
    """
    check_view(view, options)
    if view == ALONE:
        return on_nothing(seen.photo.image, seen.alpha)
    if view == STICKER:
        return sticker(seen.photo.image, seen.probabilities, seen.segmentation.spec)
    return apply_effect(view, seen.photo.image, seen.probabilities, seen.segmentation.spec, options)
