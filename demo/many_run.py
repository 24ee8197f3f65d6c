"""Many photos, answered one after another: thumbnails for the page, and one ZIP of cut-outs, masks and figures."""

import csv
import io
import time
import zipfile
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from demo import words
from demo.lanes import Lanes
from engine.commands.predict import colored_mask, free_stem
from engine.cutout import cut_out
from engine.drawing import box_of
from engine.errors import InferenceError, InputError
from engine.files import write_aside
from engine.images import read_picture
from engine.instances import instances_of
from engine.machine import describe_machine, machine_in_words
from engine.metadata import png_notes
from engine.postprocess import softmax
from engine.progress import Step
from engine.segmenter import Segmentation

MAX_PHOTOS = 100
THUMBNAIL = 320  # px of the longer side
MARGIN = 16  # around a pet's thumbnail, its longer side over this
COMPRESSION = 3  # of PNG: three times as fast as the default, and a few percent larger
NO_PET = "No cat or dog"  # begins the captions of such photos; many.css knows them by it
ZIP_NAME, TABLE_NAME = "whisker-photos.zip", "whisker.csv"


@dataclass(frozen=True)
class Trouble:
    """A file that is no photo we can answer, and why, as the rest of a sentence that begins with its name."""

    photo: str
    why: str


def check_number(paths: Sequence[str]) -> None:
    """Raises an `InputError` where there are no files, or too many."""
    if not paths:
        raise InputError("No photos came. Drop some in.")
    if len(paths) > MAX_PHOTOS:
        raise InputError(f"{len(paths)} photos came; at most {MAX_PHOTOS} are taken at once. Drop fewer.")


class ManyRun:
    """Photos of one viewer, as one thing that can be watched and stopped.

    Args:
        lanes: the backends of the page.
        paths: of the photos; those that are none are named, and the others go on.
        backend: who answers, for example "openvino-int8".
        folder: where thumbnails and ZIP are written.

    Attributes:
        thumbnails: path and caption of every photo answered so far.
        troubles: the files that could not be.
        with_pet, perhaps: how many photos show a pet, and how many perhaps do.
        is_interrupted: somebody cancelled it.
        written: path of the ZIP, at the end, with what was done until then; None where that is nothing.

    Raises:
        InputError: too many photos, or an unknown backend.
        EngineError: the backend cannot run here.
    """

    def __init__(self, lanes: Lanes, paths: Sequence[str], backend: str, folder: Path) -> None:
        check_number(paths)
        self.thumbnails: list[tuple[str, str]] = []
        self.troubles: list[Trouble] = []
        self.with_pet = self.perhaps = 0
        self.is_interrupted = False
        self.written: Path | None = None
        self.total = len(paths)
        self._paths, self._folder = [Path(path) for path in paths], folder
        self._segmenter, self._quiet = lanes.get(backend), lanes.quiet
        self._notes = png_notes(lanes.spec, backend, machine_in_words(describe_machine()))
        self._rows: list[dict] = []
        self._stems: set[str] = set()

    @property
    def done(self) -> int:
        """Files that were looked at, those that are no photos among them."""
        return len(self._rows)

    def run(self) -> Generator[Step, None, None]:
        """Says how far it is after each photo; closing the generator leaves no ZIP.

        Raises:
            OutputError: the ZIP cannot be written.
        """
        target, started = self._folder / ZIP_NAME, time.monotonic()
        with write_aside(target) as partial, zipfile.ZipFile(partial, "w") as archive:
            yield Step(0, self.total, self._in_words())
            for path in self._paths:
                if self.is_interrupted:
                    break
                with self._quiet.working():
                    self._rows.append(self._answer_or_name(path, archive))
                left = (time.monotonic() - started) / self.done * (self.total - self.done)
                yield Step(self.done, self.total, self._in_words(), left if left >= 1 else None)
            archive.writestr(TABLE_NAME, self._table(), zipfile.ZIP_DEFLATED)
        self.written = target if self._rows else None

    def interrupt(self) -> None:
        """Ends after the photo that is worked on, and keeps what is done."""
        self.is_interrupted = True

    def _in_words(self) -> str:
        return f"{self.done} of {photos_in_words(self.total)}"

    def _answer_or_name(self, path: Path, archive: zipfile.ZipFile) -> dict:
        """The photo's line of the table."""
        try:
            return self._answer(path, archive)
        except (InputError, InferenceError) as error:
            self.troubles.append(Trouble(path.name, why(error, path)))
            return {"photo": path.name, "error": str(error)}

    def _answer(self, path: Path, archive: zipfile.ZipFile) -> dict:
        segmentation = self._segmenter.predict(path)
        found = segmentation.found
        rgba = None
        if found != "nothing":
            rgba = cut_out(read_picture(path).image, softmax(segmentation.logits), segmentation.spec)
        small = thumbnail(path, rgba)
        # From here on nothing is wrong with the photo.
        stem = free_stem(path.stem, self._stems)
        row = figures(path.name, segmentation)
        row["mask"] = write_png(
            archive, f"masks/{stem}-mask.png", colored_mask(segmentation, segmentation.spec), self._notes
        )
        if rgba is not None:
            row["cutout"] = write_png(archive, f"cutouts/{stem}-cutout.png", Image.fromarray(rgba), self._notes)
        shown = self._folder / f"{stem}.png"
        small.save(shown, compress_level=COMPRESSION)
        self.thumbnails.append((str(shown), caption(path.name, segmentation)))
        self.with_pet += found == "found"
        self.perhaps += found == "unsure"
        return row

    def _table(self) -> str:
        shares = [f"{each.name}_share" for each in self._segmenter.spec.objects]
        size = ("width", "height")
        columns = ["photo", "found", "species", "pets", *shares, "confidence", "ms", *size, "error", "cutout", "mask"]
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self._rows)
        return text.getvalue()


def caption(name: str, segmentation: Segmentation) -> str:
    """ "Dog · rex.jpg", "Perhaps a dog · rex.jpg", "No cat or dog · wall.jpg"."""
    species = " and ".join(words.pets(segmentation))
    said = {"found": species.capitalize(), "unsure": f"Perhaps a {species}", "nothing": NO_PET}
    return f"{said[segmentation.found]} · {name}"


def figures(name: str, segmentation: Segmentation) -> dict:
    """A photo's line of the table; shares of the picture and confidence are 0 to 1, ms are of the whole answer."""
    found, confidence = segmentation.found, segmentation.confidence
    height, width = segmentation.size_hw
    return {
        "photo": name,
        "found": found,
        "species": " and ".join(words.pets(segmentation)),
        "pets": 0 if found == "nothing" else max(1, len(instances_of(segmentation))),
        **{f"{label}_share": round(share, 4) for label, share in segmentation.areas.items()},
        "confidence": "" if confidence is None else round(confidence, 4),
        "ms": round(sum(segmentation.timings.values()), 1),
        "width": width,
        "height": height,
    }


def thumbnail(path: Path, rgba: np.ndarray | None) -> Image.Image:
    """The pet with a little room around it, or the photo itself where there is none; `THUMBNAIL` px at the most.

    Args:
        path: of the photo.
        rgba: uint8 (H, W, 4), its cut-out.
    """
    box = None if rgba is None else box_of(rgba[..., 3], max(rgba.shape) // MARGIN // 2)
    if rgba is None or box is None:
        small = Image.fromarray(read_picture(path, (THUMBNAIL, THUMBNAIL)).image)
    else:
        small = Image.fromarray(rgba[box])
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    return small


def write_png(archive: zipfile.ZipFile, name: str, picture: Image.Image, notes: PngInfo) -> str:
    """Adds a picture to a ZIP as it is compressed, so that it is never in memory whole; its name there."""
    with archive.open(name, "w") as file:
        picture.save(file, "PNG", compress_level=COMPRESSION, pnginfo=notes)
    return name


def why(error: Exception, path: Path) -> str:
    """What is wrong, without the name that it begins with."""
    text = str(error)
    for name in (str(path), path.name):
        if text.startswith(f"{name} "):
            return text.removeprefix(f"{name} ")
    return f"could not be answered: {text}"


def photos_in_words(number: int) -> str:
    """ "1 photo", "40 photos"."""
    return f"{number} photo" if number == 1 else f"{number} photos"
