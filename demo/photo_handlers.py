"""What the Photo tab does with a photo, as plain functions over the lanes."""

import itertools
import json
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from demo import words
from demo.answers import NO_PHOTO, Answers, Seen
from demo.comparison import Comparison, compare
from demo.downloads import new_folder
from demo.drawing import disagreement, fit_mask
from demo.inputs import hex_color, plainly
from demo.lanes import Lanes
from demo.timing import AT_ONCE, LONGER, Effort, Timings, time_lanes
from demo.views import ALONE, check_view, draw, draw_full
from engine.annotations import EXPORTS, PhotoAnnotation
from engine.backends import INT8_BACKEND
from engine.commands.predict import colored_mask
from engine.cutout import sticker
from engine.drawing import DARK, draw_edge, overlay_mask, thin_line
from engine.effects import DEFAULT_EFFECT_OPTIONS, EffectOptions
from engine.errors import EngineError, InputError
from engine.images import read_picture
from engine.instances import cut_out_each
from engine.machine import describe_machine, machine_in_words
from engine.metadata import png_notes

LEFT, RIGHT = "openvino-fp32", INT8_BACKEND
COMPRESSION = 3  # of PNG: three times as fast as the default, and a few percent larger
QUICK = 1  # of the PNG that the page shows
JPEG_QUALITY = 88
WHITE = (255, 255, 255)
NOT_SHOWN = frozenset({".heic", ".heif", ".tif", ".tiff"})  # by browsers
NOTHING_TO_CUT = "There is nothing to cut out: try another photo, or use the best guess."


@dataclass(frozen=True)
class Style:
    """How the answer is shown, in the order of the page's inputs."""

    view: str = ALONE
    color: str = DEFAULT_EFFECT_OPTIONS.color
    background: str | None = None
    blur_percent: float = DEFAULT_EFFECT_OPTIONS.blur * 100

    def options(self) -> EffectOptions:
        """For the engine; the background comes in by the one door for pictures.

        Raises:
            InputError: it cannot be read.
        """
        behind = None
        if self.view == "replace" and self.background is not None:
            behind = read_picture(self.background).image
        return EffectOptions(hex_color(self.color), behind, self.blur_percent / 100)


class PhotoHandlers:
    """Answers photos; shared by all viewers.

    Args:
        lanes: the backends of the page.
    """

    def __init__(self, lanes: Lanes) -> None:
        self.lanes = lanes
        self.answers = Answers(lanes)
        self._wanted: dict[str, int] = {}
        self._begun: dict[str, set[str]] = {}
        self._numbers = itertools.count(1)

    # --- One photo after another, as a viewer drops them ---

    def begin(self, viewer: str) -> int:
        """A viewer has another photo: what is still done for the one before is not wanted any more. A number of it."""
        self._wanted[viewer] = number = next(self._numbers)
        self._begun[viewer] = set()
        return number

    def is_wanted(self, viewer: str, number: int) -> bool:
        """Whether a viewer still waits for what is done for a photo."""
        return self._wanted.get(viewer) == number

    def claim(self, viewer: str, number: int, step: str) -> bool:
        """Whether a step is still to be done for a photo; the first one who asks does it."""
        begun = self._begun.get(viewer, set())
        if not self.is_wanted(viewer, number) or step in begun:
            return False
        begun.add(step)
        return True

    def forget(self, viewer: str) -> None:
        """A viewer has left."""
        self._wanted.pop(viewer, None)
        self._begun.pop(viewer, None)

    def show(
        self, photo: str, backend: str, style: Style, anyway: bool = False, strokes: str | None = None
    ) -> tuple[Seen, str]:
        """What a backend sees in a photo, and the path of the picture that shows it.

        Raises:
            EngineError: the photo or the style cannot be used, or the backend not here.
        """
        options = style.options()
        check_view(style.view, options)
        seen = self.answers.see(photo, backend, strokes)
        anyway = anyway or strokes is not None
        return seen, seen.picture((style, anyway), lambda: write_shown(draw(seen, style.view, options, anyway)))

    def outlined(self, photo: str) -> np.ndarray:
        """The photo with the edge of the answer as it is, to correct it: uint8 (h, w, 3)."""
        seen = self.answers.see(photo, usual_lanes(self.lanes)[1])
        image = seen.photo.small.copy()
        mask = fit_mask(seen.segmentation.mask, image.shape[:2])
        draw_edge(image, cv2.inRange(mask, 1, 255), (DARK, 2.0 * thin_line(mask.shape)), (WHITE, thin_line(mask.shape)))
        return image

    def preview(self, photo: str) -> str | None:
        """The path of a picture that a browser can show, where it cannot show the photo's own file."""
        if Path(photo).suffix.lower() not in NOT_SHOWN:
            return None
        return write_shown(self.answers.photo(photo).small)

    def compared(self, photo: str, left: str, right: str) -> tuple[Comparison, list[str]]:
        """Whether two backends see the same, and the paths of three pictures: each one's overlay, and the difference.

        Raises:
            EngineError: a backend cannot run here.
        """
        comparison = compare(self.lanes, self.answers, photo, left, right)
        image = comparison.right.photo.small
        masks = [fit_mask(each.segmentation.mask, image.shape[:2]) for each in (comparison.left, comparison.right)]
        spec = self.lanes.spec
        pictures = [overlay_mask(image, mask, spec) for mask in masks] + [disagreement(image, *masks)]
        return comparison, [write_shown(picture) for picture in pictures]

    def timed(
        self, photo: str, is_wanted: Callable[[], bool], longer: bool = False
    ) -> Generator[str, None, Timings | None]:
        """Times all lanes on a photo; as `demo.timing.time_lanes`."""
        at_once = Effort(min(AT_ONCE.rounds, self.lanes.rounds), AT_ONCE.seconds)
        return time_lanes(self.lanes, self.answers.photo(photo).needed, LONGER if longer else at_once, is_wanted)

    def figures_of(self, photo: str, left: str, right: str, timings: Timings) -> dict:
        """All figures of a photo: what two backends see, as far as both run here, and what all were timed at."""
        try:
            seen = compare(self.lanes, self.answers, photo, left, right).numbers()
        except EngineError:
            seen = {}
        return seen | timings.numbers()

    # --- What programs call too ---

    @plainly
    def predict(self, photo: str, backend: str = RIGHT) -> tuple[np.ndarray, dict]:
        """Segments a photo with one backend.

        Args:
            photo: path of the photo.
            backend: for example "openvino-int8".

        Returns:
            The overlay, and what was found, areas (shares of the picture), confidence, size and timings as JSON.
        """
        seen = self.answers.see(photo, backend)
        segmentation, image = seen.segmentation, seen.photo.small
        mask = fit_mask(segmentation.mask, image.shape[:2])
        return overlay_mask(image, mask, self.lanes.spec), {
            "backend": backend,
            "size_hw": list(segmentation.size_hw),
            "found": segmentation.found,
            "areas": segmentation.areas,
            "confidence": segmentation.confidence,
            "timings_ms": segmentation.timings,
        }

    @plainly
    def compare(self, photo: str, left: str = LEFT, right: str = RIGHT) -> tuple[str, dict]:
        """Segments a photo with two backends and times all of them.

        Args:
            photo: path of the photo.
            left: for example "openvino-fp32".
            right: for example "openvino-int8".

        Returns:
            What was found, whether the two agree and how fast they are, in words; and all figures as JSON.
        """
        comparison = compare(self.lanes, self.answers, photo, left, right)
        timings = last(self.timed(photo, lambda: True))
        said = [words.headline(comparison.right.segmentation), sameness(comparison), words.speed(right, left, timings)]
        return " ".join(said), comparison.numbers() | timings.numbers()

    @plainly
    def cut_out(self, photo: str | None, backend: str = RIGHT, strokes: str | None = None) -> str:
        """Writes the pet on a transparent ground, at the photo's own size.

        Args:
            photo: path of the photo.
            backend: whose answer to use.
            strokes: what was touched up by hand.

        Returns:
            Path of a PNG (RGBA).
        """
        return self.effect_file(photo, backend, ALONE, strokes=strokes)

    @plainly
    def effect_file(
        self,
        photo: str | None,
        backend: str = RIGHT,
        effect: str = "blur",
        color: str = DEFAULT_EFFECT_OPTIONS.color,
        background: str | None = None,
        blur: float = DEFAULT_EFFECT_OPTIONS.blur * 100,
        strokes: str | None = None,
    ) -> str:
        """Writes a photo with an effect, at its full size.

        Args:
            photo: path of the photo.
            backend: whose answer to use, for example "openvino-int8".
            effect: "transparent", "overlay", "cutout", "blur", "replace", "outline" or "sticker".
            color: ground of "cutout", "#RRGGBB".
            background: path of the picture behind the pet, for "replace".
            blur: strength of "blur", in percent of the longer side.
            strokes: what was touched up by hand.

        Returns:
            Path of a PNG.
        """
        options = Style(effect, color, background, blur).options()
        check_view(effect, options)
        seen = self._see_pet(photo, backend, strokes)
        return self._write_png(draw_full(seen, effect, options), seen, "cutout" if effect == ALONE else effect)

    @plainly
    def sticker(self, photo: str | None, backend: str = RIGHT) -> str:
        """Writes the pet with a white outline on a transparent ground, at the photo's full size.

        Args:
            photo: path of the photo.
            backend: whose answer to use.

        Returns:
            Path of a PNG (RGBA).
        """
        seen = self._see_pet(photo, backend)
        return self._write_png(sticker(seen.photo.image, seen.probabilities, self.lanes.spec), seen, "sticker")

    @plainly
    def mask(self, photo: str | None, backend: str = RIGHT, strokes: str | None = None) -> str:
        """Writes the mask, at the photo's own size.

        Args:
            photo: path of the photo.
            backend: whose answer to use.
            strokes: what was touched up by hand.

        Returns:
            Path of a PNG of class ids, whose palette shows the classes' colours.
        """
        seen = self.answers.see(photo, backend, strokes)
        path = new_folder() / f"{seen.photo.path.stem}-mask.png"
        colored_mask(seen.segmentation, self.lanes.spec).save(path, pnginfo=self._notes(seen))
        return str(path)

    @plainly
    def export(self, photo: str | None, backend: str = RIGHT, name: str = "coco", strokes: str | None = None) -> str:
        """Writes the pets' outlines for other tools, at the photo's full size.

        Args:
            photo: path of the photo.
            backend: whose answer to use.
            name: "coco" (polygons, JSON), "rle" (run lengths, JSON) or "svg".
            strokes: what was touched up by hand.

        Returns:
            Path of the file.
        """
        seen = self._see_pet(photo, backend, strokes)
        if name not in EXPORTS:
            raise InputError(f"There is no export {name!r}. Choose one of: {', '.join(EXPORTS)}.")
        path, size_hw = seen.photo.path, seen.photo.size_hw
        annotated = PhotoAnnotation(path.name, size_hw, seen.instances, seen.segmentation.spec)
        target = new_folder() / f"{path.stem}-{EXPORTS[name].suffix}"
        target.write_text(EXPORTS[name].text(annotated))
        return str(target)

    @plainly
    def pets(self, photo: str | None, backend: str = RIGHT, strokes: str | None = None) -> list[tuple[str, str]]:
        """Cuts out each pet of a photo apart, at its full size.

        Args:
            photo: path of the photo.
            backend: whose answer to use.
            strokes: what was touched up by hand.

        Returns:
            Path (RGBA PNG, cropped to the pet) and name of each, the largest first; none where no pet was found.
        """
        if photo is None:
            return []
        seen = self.answers.see(photo, backend, strokes)
        pets = seen.instances if seen.has_pet else []
        if not pets:
            return []
        found = []
        for number, (pet, rgba) in enumerate(
            zip(pets, cut_out_each(seen.photo.image, seen.alpha, pets), strict=True), start=1
        ):
            name = self.lanes.spec.objects[pet.class_id - 1].name
            share = words.percent(pet.area / seen.segmentation.mask.size)
            found.append((self._write_png(rgba, seen, f"{name}-{number}"), f"{name.capitalize()}, {share}"))
        return found

    @plainly
    def figures(self, photo: str | None, numbers: dict | None) -> str:
        """Writes all figures of a photo as JSON; the path."""
        if photo is None:
            raise InputError(NO_PHOTO)
        path = new_folder() / f"{Path(photo).stem}-figures.json"
        path.write_text(json.dumps(numbers, indent=2) + "\n")
        return str(path)

    def _see_pet(self, photo: str | None, backend: str, strokes: str | None = None) -> Seen:
        """What is seen, where that is anything at all.

        Raises:
            InputError: there is no photo, or no pixel of a pet in it.
        """
        seen = self.answers.see(photo, backend, strokes)
        if not seen.segmentation.pets:
            raise InputError(f"No cat or dog found. {NOTHING_TO_CUT}")
        return seen

    def _write_png(self, image: np.ndarray, seen: Seen, name: str) -> str:
        """Writes a picture where it can be downloaded; its path."""
        path = new_folder() / f"{seen.photo.path.stem}-{name}.png"
        Image.fromarray(image).save(path, compress_level=COMPRESSION, pnginfo=self._notes(seen))
        return str(path)

    def _notes(self, seen: Seen) -> PngInfo:
        return png_notes(self.lanes.spec, seen.backend, machine_in_words(describe_machine()))


def usual_lanes(lanes: Lanes) -> tuple[str, str]:
    """The backends that are compared until others are chosen: left and right, or the first and the last there are."""
    first, *_, last_lane = lanes.names
    return LEFT if LEFT in lanes.names else first, RIGHT if RIGHT in lanes.names else last_lane


def sameness(comparison: Comparison) -> str:
    """Whether two backends see the same, in one sentence."""
    left, right = comparison.left, comparison.right
    pets = words.pets(left.segmentation), words.pets(right.segmentation)
    return words.sameness(left.backend, right.backend, comparison.agreement, *pets)


def last(steps: Generator[str, None, Timings | None]) -> Timings:
    """What comes of a timing that nobody stops."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return done.value


def write_shown(image: np.ndarray) -> str:
    """Writes a picture for the page, uint8 (h, w, 3 or 4): a JPEG, or a PNG where it is transparent; its path."""
    is_opaque = image.shape[2] == 3
    path = new_folder() / ("shown.jpg" if is_opaque else "shown.png")
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR if is_opaque else cv2.COLOR_RGBA2BGRA)
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if is_opaque else [cv2.IMWRITE_PNG_COMPRESSION, QUICK]
    path.write_bytes(cv2.imencode(path.suffix, bgr, options)[1].tobytes())
    return str(path)
