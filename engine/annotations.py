"""Pets as annotations that other tools read: COCO JSON with polygons or run lengths, and SVG.

Source: "Data format", https://cocodataset.org/#format-data; run lengths are coded by pycocotools.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib import import_module
from typing import Any

import numpy as np

from engine.errors import BackendUnavailableError, unknown_name
from engine.instances import Instance
from engine.polygons import Part, tolerance, trace, with_slits
from engine.spec import ModelSpec

FILLING = 0.5  # opacity of a pet's colour in an SVG


@dataclass(frozen=True)
class PhotoAnnotation:
    """What an export says something about.

    Attributes:
        file_name: the photo's.
        size_hw: the photo's own height and width, px.
        instances: found in it.
        spec: the model's: its classes and their colours.
    """

    file_name: str
    size_hw: tuple[int, int]
    instances: Sequence[Instance]
    spec: ModelSpec


def outline(pet: Instance, size_hw: tuple[int, int]) -> list[Part]:
    """A pet's outline, simplified as far as a picture of that size allows."""
    return trace(pet.mask, pet.left, pet.top, tolerance(size_hw)) or trace(pet.mask, pet.left, pet.top, 0)


def polygons(pet: Instance, size_hw: tuple[int, int]) -> list[list[float]]:
    """COCO's polygons of a pet, x, y, x, y.. of each part; a slit of no width joins a hole to the outer line."""
    return [with_slits(part).ravel().tolist() for part in outline(pet, size_hw)]


def run_length(pet: Instance, size_hw: tuple[int, int]) -> dict[str, Any]:
    """COCO's compressed run lengths of a pet's mask, every pixel as it is: {"size": [H, W], "counts": text}."""
    from pycocotools import mask as run_lengths  # the only one here that is not needed to predict

    encoded = run_lengths.encode(np.asfortranarray(pet.mask_in(size_hw)))
    return {"size": list(size_hw), "counts": encoded["counts"].decode("ascii")}


def coco(
    annotated: PhotoAnnotation, segmentation: Callable[[Instance, tuple[int, int]], Any] = polygons
) -> dict[str, Any]:
    """A dataset of one picture: what `pycocotools.coco.COCO` loads. A category's id is its class id in a mask."""
    height, width = annotated.size_hw
    return {
        "info": {"description": f"Segmented by {annotated.spec.name} {annotated.spec.version}"},
        "images": [{"id": 1, "file_name": annotated.file_name, "width": width, "height": height}],
        "categories": [
            {"id": number, "name": each.name, "supercategory": "pet"}
            for number, each in enumerate(annotated.spec.objects, start=1)
        ],
        "annotations": [
            {
                "id": number,
                "image_id": 1,
                "category_id": pet.class_id,
                "segmentation": segmentation(pet, annotated.size_hw),
                "area": pet.area,
                "bbox": list(pet.box),
                "iscrowd": 0,
            }
            for number, pet in enumerate(annotated.instances, start=1)
        ],
    }


def svg(annotated: PhotoAnnotation) -> str:
    """The outlines as a drawing of the photo's size: a path for each pet in its class's colour, holes left out."""
    height, width = annotated.size_hw
    paths = "".join(svg_path(pet, annotated) for pet in annotated.instances)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">\n'
        f"<title>{escape(annotated.file_name)}</title>\n{paths}</svg>\n"
    )


def svg_path(pet: Instance, annotated: PhotoAnnotation) -> str:
    each = annotated.spec.objects[pet.class_id - 1]
    rings = [ring for part in outline(pet, annotated.size_hw) for ring in (part.outer, *part.holes)]
    lines = "".join("M" + "L".join(f"{x:g} {y:g}" for x, y in ring) + "Z" for ring in rings)
    return (
        f'<path class="{escape(each.name)}" fill="{each.color}" fill-opacity="{FILLING}" stroke="{each.color}" '
        f'fill-rule="evenodd" d="{lines}"><title>{escape(each.name)}</title></path>\n'
    )


@dataclass(frozen=True)
class Export:
    """A format: its name for a reader, how its files end, what makes their text, and the package that it takes."""

    label: str
    suffix: str
    text: Callable[[PhotoAnnotation], str]
    package: str | None = None


EXPORTS: Mapping[str, Export] = {
    "coco": Export("COCO polygons", "coco.json", lambda annotated: json.dumps(coco(annotated)) + "\n"),
    "rle": Export(
        "COCO RLE", "rle.json", lambda annotated: json.dumps(coco(annotated, run_length)) + "\n", "pycocotools"
    ),
    "svg": Export("Outlines (SVG)", "outline.svg", svg),
}


def parse_exports(names: str) -> list[str]:
    """ "coco,svg" to ["coco", "svg"].

    Raises:
        InputError: there is no such format; lists those that there are.
        BackendUnavailableError: the package that one takes is not installed.
    """
    chosen = [name.strip() for name in names.split(",") if name.strip()]
    for name in chosen:
        if name not in EXPORTS:
            raise unknown_name("export", name, EXPORTS)
        if package := EXPORTS[name].package:
            try:
                import_module(package)
            except ImportError as exc:
                raise BackendUnavailableError(f"The export {name} needs the package {package}. Install it.") from exc
    return list(dict.fromkeys(chosen))
