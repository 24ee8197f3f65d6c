"""What a photo is good for once its pet is known: the part of the Photo tab under the comparison."""

from dataclasses import dataclass
from pathlib import Path

import gradio as gr
import numpy as np
from PIL import Image

from demo import words
from demo.downloads import new_folder
from demo.drawing import fit_for_page
from demo.inputs import hex_color, plainly
from demo.lanes import Lanes
from engine.annotations import EXPORTS, PhotoAnnotation
from engine.backends import INT8_BACKEND
from engine.cutout import sticker
from engine.effects import DEFAULT_EFFECT_OPTIONS, EFFECTS, EffectOptions, apply_effect
from engine.errors import InputError
from engine.images import read_picture
from engine.instances import cut_out_each, instances_of
from engine.matte import opacity
from engine.postprocess import softmax
from engine.segmenter import Segmentation

FIRST = "blur"
NO_BACKGROUND = "Choose a picture for the background."
COMPRESSION = 3  # of PNG: three times as fast as the default, and a few percent larger


@dataclass(frozen=True)
class Seen:
    """A photo with all its pixels, and what a backend sees in it."""

    path: Path
    image: np.ndarray
    segmentation: Segmentation

    @property
    def has_pet(self) -> bool:
        return bool(words.pets(self.segmentation))

    @property
    def probabilities(self) -> np.ndarray:
        """At the model's size: the effects bring them to the picture's."""
        return softmax(self.segmentation.logits)


class EffectHandlers:
    """What this part does, as plain functions over the lanes."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes

    @plainly
    def effect(
        self,
        photo: str | None,
        backend: str = INT8_BACKEND,
        effect: str = FIRST,
        color: str = DEFAULT_EFFECT_OPTIONS.color,
        background: str | None = None,
        blur: float = DEFAULT_EFFECT_OPTIONS.blur * 100,
    ) -> tuple[dict, dict]:
        """Shows a photo with an effect, at the page's size.

        Args:
            photo: path of the photo; None clears the picture.
            backend: whose answer to use, for example "openvino-int8".
            effect: "overlay", "cutout", "blur", "replace", "outline" or "sticker".
            color: ground of "cutout" and "sticker", "#RRGGBB".
            background: path of the picture behind the pet, for "replace".
            blur: strength of "blur", in percent of the longer side.

        Returns:
            The picture, and a sentence where there is none.
        """
        if photo is None:
            return nothing_but("")
        seen = self.see(photo, backend)
        if not seen.has_pet:
            return nothing_but(words.nothing_found(seen.segmentation))
        if effect == "replace" and background is None:
            return nothing_but(NO_BACKGROUND)
        image = fit_for_page(seen.image)
        options = options_of(color, background, blur)
        drawn = apply_effect(effect, image, seen.probabilities, self._lanes.spec, options)
        text = f"{EFFECTS[effect].label}. {words.segmentation_in_words(seen.segmentation)}"
        return gr.update(value=drawn, visible=True, alt_text=text), gr.update(value="", visible=False)

    @plainly
    def effect_file(
        self,
        photo: str | None,
        backend: str = INT8_BACKEND,
        effect: str = FIRST,
        color: str = DEFAULT_EFFECT_OPTIONS.color,
        background: str | None = None,
        blur: float = DEFAULT_EFFECT_OPTIONS.blur * 100,
    ) -> str:
        """Writes a photo with an effect, at its full size; arguments as for `/effect`.

        Returns:
            Path of a PNG.
        """
        seen = self.see_pet(photo, backend)
        options = options_of(color, background, blur)
        drawn = apply_effect(effect, seen.image, seen.probabilities, self._lanes.spec, options)
        return write_png(drawn, seen.path, effect)

    @plainly
    def sticker(self, photo: str | None, backend: str = INT8_BACKEND) -> str:
        """Writes the pet with a white outline on a transparent ground, at the photo's full size.

        Args:
            photo: path of the photo.
            backend: whose answer to use.

        Returns:
            Path of a PNG (RGBA).
        """
        seen = self.see_pet(photo, backend)
        return write_png(sticker(seen.image, seen.probabilities, self._lanes.spec), seen.path, "sticker")

    @plainly
    def export(self, photo: str | None, backend: str = INT8_BACKEND) -> tuple[str | None, ...]:
        """Writes the pets' outlines for other tools, at the photo's full size.

        Args:
            photo: path of the photo.
            backend: whose answer to use.

        Returns:
            Paths of COCO polygons (JSON), COCO run lengths (JSON) and outlines (SVG); none where no pet was found.
        """
        if photo is None:
            return (None,) * len(EXPORTS)
        segmentation, path = self._lanes.get(backend).predict(photo), Path(photo)
        if not words.pets(segmentation):
            return (None,) * len(EXPORTS)
        annotated = PhotoAnnotation(path.name, segmentation.size_hw, instances_of(segmentation), segmentation.spec)
        folder = new_folder()
        paths = [folder / f"{path.stem}-{each.suffix}" for each in EXPORTS.values()]
        for target, each in zip(paths, EXPORTS.values(), strict=True):
            target.write_text(each.text(annotated))
        return tuple(str(target) for target in paths)

    @plainly
    def pets(self, photo: str | None, backend: str = INT8_BACKEND) -> list[tuple[str, str]]:
        """Cuts out each pet of a photo apart, at its full size.

        Args:
            photo: path of the photo.
            backend: whose answer to use.

        Returns:
            Path (RGBA PNG, cropped to the pet) and name of each, the largest first; none where no pet was found.
        """
        if photo is None:
            return []
        seen = self.see(photo, backend)
        pets = instances_of(seen.segmentation) if seen.has_pet else []
        if not pets:
            return []
        alpha = opacity(seen.image, seen.probabilities, self._lanes.spec)
        pieces = cut_out_each(seen.image, alpha, pets)
        found = []
        for number, (pet, rgba) in enumerate(zip(pets, pieces, strict=True), start=1):
            name = self._lanes.spec.objects[pet.class_id - 1].name
            share = words.percent(pet.area / seen.segmentation.mask.size)
            found.append((write_png(rgba, seen.path, f"{name}-{number}"), f"{name.capitalize()}, {share}"))
        return found

    def see(self, photo: str, backend: str) -> Seen:
        """Reads a photo and segments it."""
        image = read_picture(photo).image
        return Seen(Path(photo), image, self._lanes.get(backend).predict(photo))

    def see_pet(self, photo: str | None, backend: str) -> Seen:
        """Likewise, where there must be a pet.

        Raises:
            InputError: there is no photo, or no pet in it.
        """
        if photo is None:
            raise InputError("There is no photo yet. Drop one in first.")
        seen = self.see(photo, backend)
        if not seen.has_pet:
            raise InputError(
                f"{words.nothing_found(seen.segmentation)} There is nothing to cut out: try another photo."
            )
        return seen


def nothing_but(sentence: str) -> tuple[dict, dict]:
    """No picture, and a sentence that says why."""
    return gr.update(value=None, visible=False), gr.update(value=sentence, visible=bool(sentence))


def options_of(color: str, background: str | None, blur: float) -> EffectOptions:
    """The choices of the page; the background comes in by the one door for pictures."""
    behind = None if background is None else read_picture(background).image
    return EffectOptions(hex_color(color), behind, blur / 100)


def write_png(image: np.ndarray, photo: Path, name: str) -> str:
    """Writes a picture where it can be downloaded; its path."""
    path = new_folder() / f"{photo.stem}-{name}.png"
    Image.fromarray(image).save(path, compress_level=COMPRESSION)
    return str(path)
