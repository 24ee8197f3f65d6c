"""What one can make of a picture once the pet in it is known: pure functions of (image, probabilities).

apply_effect("blur", image, probabilities, spec, EffectOptions(blur=0.03))

`image` is uint8 (H, W, 3) RGB; `probabilities` float32 (num_classes, h, w), of any size, as `softmax` of
`engine.postprocess` gives them. What comes back has the size of the image. Where no pet is found, `overlay` and
`outline` leave the picture as it is, and the others show their ground alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from engine.cutout import on_paper, paper
from engine.drawing import DARK, blend, cover, draw_edge, overlay_mask, plain, rgb, thin_line
from engine.errors import InputError, unknown_name
from engine.foreground import blur_weighted, foreground, to_uint8
from engine.matte import opacity
from engine.postprocess import mask_from_probabilities
from engine.spec import ModelSpec

MAX_BLUR = 0.2
BLUR_STEPS = 3.0  # sigma in px at the smaller scale at which a ground is blurred: enough not to be seen


@dataclass(frozen=True)
class EffectOptions:
    """How an effect is to look; each effect uses what concerns it.

    Attributes:
        color: ground of `cutout` and `sticker`, "#RRGGBB".
        background: uint8 (h, w, 3) RGB of any size, for `replace`; covers the picture, cropped, its aspect kept.
        blur: sigma of `blur`, as a share of the longer side, 0 to `MAX_BLUR`.
        edge: "fine": the edge follows the picture (guided filter), and its colours are cleaned of the old ground;
            "fast": the probabilities alone, for live pictures.
    """

    color: str = "#009E73"
    background: np.ndarray | None = None
    blur: float = 0.02
    edge: str = "fine"


DEFAULT_EFFECT_OPTIONS = EffectOptions()
Draw = Callable[[np.ndarray, np.ndarray, ModelSpec, EffectOptions], np.ndarray]


@dataclass(frozen=True)
class Effect:
    """An effect: its name for a reader, and the function behind it."""

    label: str
    draw: Draw


def apply_effect(
    name: str,
    image: np.ndarray,
    probabilities: np.ndarray,
    spec: ModelSpec,
    options: EffectOptions = DEFAULT_EFFECT_OPTIONS,
) -> np.ndarray:
    """The picture with an effect: uint8 (H, W, 3), its own size.

    Args:
        name: one of `EFFECTS`.
        image: uint8 (H, W, 3) RGB.
        probabilities: float32 (num_classes, h, w), of any size; sums to 1 over the first axis.
        spec: the model's: its classes and their colours.
        options: how it is to look.

    Raises:
        InputError: unknown effect, edge or colour, a blur out of range, or `replace` without a background.
    """
    check_effect(name, options)
    return EFFECTS[name].draw(image, probabilities, spec, options)


def check_effect(name: str, options: EffectOptions = DEFAULT_EFFECT_OPTIONS) -> None:
    """Says what is wrong with a choice before there is a picture.

    Raises:
        InputError: as `apply_effect`.
    """
    if name not in EFFECTS:
        raise unknown_name("effect", name, EFFECTS)
    rgb(options.color)
    if not 0 <= options.blur <= MAX_BLUR:
        raise InputError(f"A blur of {options.blur:g} of the longer side cannot be made. Give 0 to {MAX_BLUR:g}.")
    if name == "replace" and options.background is None:
        raise InputError(
            "The effect 'replace' needs a background. Give a picture for it (--background FILE on the command line)."
        )


def overlay(image: np.ndarray, probabilities: np.ndarray, spec: ModelSpec, options: EffectOptions) -> np.ndarray:
    """Each pet in its class's colour, with an outline: the mask as the network means it."""
    return overlay_mask(image, mask_from_probabilities(probabilities, image.shape[:2], len(spec.objects)), spec)


def cutout(image: np.ndarray, probabilities: np.ndarray, spec: ModelSpec, options: EffectOptions) -> np.ndarray:
    """The pet on a ground of one colour."""
    return over(plain(options.color, image.shape[:2]), image, probabilities, spec, options)


def replace(image: np.ndarray, probabilities: np.ndarray, spec: ModelSpec, options: EffectOptions) -> np.ndarray:
    """The pet in front of another picture."""
    assert options.background is not None, "check_effect comes first"
    return over(cover(options.background, image.shape[:2]), image, probabilities, spec, options)


def blur(image: np.ndarray, probabilities: np.ndarray, spec: ModelSpec, options: EffectOptions) -> np.ndarray:
    """The pet sharp, what is behind it blurred."""
    alpha = opacity(image, probabilities, spec, options.edge)
    return blend(image, blurred_ground(image, alpha, options.blur * max(alpha.shape)), alpha)


def outline(image: np.ndarray, probabilities: np.ndarray, spec: ModelSpec, options: EffectOptions) -> np.ndarray:
    """A line along the edge of each pet in its class's colour, between dark ones: readable on any ground."""
    alpha = opacity(image, probabilities, spec, options.edge)
    drawn, inside = image.copy(), cv2.inRange(alpha, 128, 255)
    width = 1.5 * thin_line(alpha.shape)
    classes = mask_from_probabilities(probabilities, probabilities.shape[1:], len(spec.objects))  # type: ignore[arg-type]
    present = np.flatnonzero(np.bincount(classes.ravel())[1:]) + 1
    for class_id in present:
        where = inside
        if len(present) > 1:
            own = cv2.inRange(classes, int(class_id), int(class_id))
            where = cv2.bitwise_and(inside, cv2.resize(own, image.shape[1::-1], interpolation=cv2.INTER_NEAREST))
        draw_edge(drawn, where, (DARK, 2 * width), (rgb(spec.objects[class_id - 1].color), width))
    return drawn


def sticker(image: np.ndarray, probabilities: np.ndarray, spec: ModelSpec, options: EffectOptions) -> np.ndarray:
    """The pet with a white outline on a ground of one colour; `engine.cutout.sticker` gives it on none."""
    alpha = opacity(image, probabilities, spec, options.edge)
    printed = on_paper(pet_colors(image, alpha, options), alpha)
    return blend(printed, plain(options.color, image.shape[:2]), paper(alpha))


def over(
    ground: np.ndarray, image: np.ndarray, probabilities: np.ndarray, spec: ModelSpec, options: EffectOptions
) -> np.ndarray:
    """The pet over a ground of its size: uint8 (H, W, 3)."""
    alpha = opacity(image, probabilities, spec, options.edge)
    return blend(pet_colors(image, alpha, options), ground, alpha)


def pet_colors(image: np.ndarray, alpha: np.ndarray, options: EffectOptions) -> np.ndarray:
    """The picture, its edge without the old ground's colours where there is time for that."""
    return foreground(image, alpha) if options.edge == "fine" else image


def blurred_ground(image: np.ndarray, alpha: np.ndarray, sigma: float) -> np.ndarray:
    """The background blurred, the pet's colours kept out of it: uint8 (H, W, 3).

    Args:
        image: uint8 (H, W, 3) RGB.
        alpha: uint8 (H, W), opacity of the pet.
        sigma: px; less than a third of one leaves the picture as it is.
    """
    if sigma < 0.3:
        return image
    height, width = alpha.shape
    step = max(1.0, sigma / BLUR_STEPS)
    size = (max(1, round(width / step)), max(1, round(height / step)))
    # A pixel of the ground beside the pet holds some of its colour: one step away from it, none does.
    pet = cv2.dilate(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.ones((3, 3), np.uint8))
    colors = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    weight = (255 - pet).astype(np.float32)[..., None] / 255
    blurred = blur_weighted(colors, weight, lambda plane: cv2.GaussianBlur(plane, (0, 0), sigma / step))
    return cv2.resize(to_uint8(blurred), (width, height))


EFFECTS: Mapping[str, Effect] = {
    "overlay": Effect("Overlay", overlay),
    "cutout": Effect("Cut-out on a colour", cutout),
    "blur": Effect("Blurred background", blur),
    "replace": Effect("Another background", replace),
    "outline": Effect("Outline", outline),
    "sticker": Effect("Sticker", sticker),
}
