"""What `predict` writes besides the mask: cut-outs, effects, annotations, each pet apart."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from engine.annotations import EXPORTS, PhotoAnnotation, parse_exports
from engine.command import names
from engine.cutout import cut_out, sticker
from engine.effects import DEFAULT_EFFECT_OPTIONS, EFFECTS, MAX_BLUR, EffectOptions, apply_effect, check_effect
from engine.files import Outputs
from engine.images import read_picture
from engine.instances import cut_out_each, instances_of
from engine.matte import opacity
from engine.postprocess import softmax
from engine.segmenter import Segmentation


@dataclass(frozen=True)
class Wanted:
    """What to write of each photo.

    Attributes:
        cutout: the pet on a transparent ground.
        effect: one of `EFFECTS`, or None.
        options: of the effect.
        on_color: a sticker lies on the effect's colour instead of a transparent ground.
        exports: of `EXPORTS`.
        instances: each pet's own mask and cut-out.
    """

    cutout: bool
    effect: str | None
    options: EffectOptions
    on_color: bool
    exports: tuple[str, ...]
    instances: bool

    @classmethod
    def of(
        cls,
        cutout: bool,
        effect: str | None,
        color: str | None,
        background: Path | None,
        blur: float,
        export: tuple[str, ...],
        instances: bool,
    ) -> "Wanted":
        """From the options of the command.

        Raises:
            InputError: unknown effect or export, a colour or a background that cannot be read, a blur out of range.
        """
        behind = read_picture(background).image if background else None
        options = EffectOptions(color or DEFAULT_EFFECT_OPTIONS.color, behind, blur)
        check_effect(effect or "overlay", options)
        exports = tuple(parse_exports(",".join(export)))
        return cls(cutout, effect, options, color is not None, exports, instances)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cutout", action="store_true", help="write the pet on a transparent ground as well")
    parser.add_argument("--effect", metavar="E", help=f"write the photo with an effect: {', '.join(EFFECTS)}")
    parser.add_argument(
        "--color",
        metavar="#RRGGBB",
        help=f"ground of cutout ({DEFAULT_EFFECT_OPTIONS.color}) and sticker (else transparent)",
    )
    parser.add_argument("--background", type=Path, metavar="FILE", help="the picture behind the pet, for replace")
    parser.add_argument("--blur", type=float, metavar="SHARE", help=f"of the longer side, 0 to {MAX_BLUR:g}; for blur")
    parser.add_argument("--export", type=names, metavar="A,B", help=f"write annotations: {', '.join(EXPORTS)}")
    parser.add_argument("--instances", action="store_true", help="write each pet's own mask and cut-out")


def write_products(photo: Path, segmentation: Segmentation, wanted: Wanted, stem: Path, outputs: Outputs) -> dict:
    """Writes them.

    Args:
        photo: the file, read again with all its pixels where these are needed.
        segmentation: of it.
        wanted: what to write.
        stem: folder and beginning of the names of what is written.
        outputs: keeps what is there.

    Returns:
        What `--json` says of them: "cutout", "effect", "exports", "instances", as far as they were wanted.
    """
    fields: dict = {}
    for name, rgba in pictures(photo, segmentation, wanted):
        path = stem.with_name(f"{stem.name}-{name}.png")
        save_png(rgba, path, outputs)
        fields[name.split("-")[0]] = str(path)
    if wanted.exports:
        annotated = PhotoAnnotation(photo.name, segmentation.size_hw, instances_of(segmentation), segmentation.spec)
        fields["exports"] = {name: str(write_export(name, annotated, stem, outputs)) for name in wanted.exports}
    if wanted.instances:
        fields["instances"] = list(write_instances(photo, segmentation, stem, outputs))
    return fields


def planned(wanted: Wanted, stem: Path) -> Iterator[Path]:
    """Where `write_products` will write, as far as that is known before the pets are found."""
    names = ["cutout.png"] if wanted.cutout else []
    names += [f"effect-{wanted.effect}.png"] if wanted.effect else []
    names += [EXPORTS[name].suffix for name in wanted.exports]
    yield from (stem.with_name(f"{stem.name}-{name}") for name in names)


def pictures(photo: Path, segmentation: Segmentation, wanted: Wanted) -> Iterator[tuple[str, np.ndarray]]:
    """The pictures of the whole photo, each with the end of its name."""
    if not wanted.cutout and wanted.effect is None:
        return
    seen = read_picture(photo).image, softmax(segmentation.logits), segmentation.spec
    if wanted.cutout:
        yield "cutout", cut_out(*seen)
    if wanted.effect == "sticker" and not wanted.on_color:
        yield "effect-sticker", sticker(*seen)
    elif wanted.effect is not None:
        yield f"effect-{wanted.effect}", apply_effect(wanted.effect, *seen, wanted.options)


def write_export(name: str, annotated: PhotoAnnotation, stem: Path, outputs: Outputs) -> Path:
    """Writes annotations in a format; the path of the file."""
    path = stem.with_name(f"{stem.name}-{EXPORTS[name].suffix}")
    with outputs.write(path) as partial:
        partial.write_text(EXPORTS[name].text(annotated))
    return path


def write_instances(photo: Path, segmentation: Segmentation, stem: Path, outputs: Outputs) -> Iterator[dict]:
    """Writes each pet's own mask (0 and 255, the photo's size) and cut-out (cropped to it); what to say of each."""
    image, pets, spec = read_picture(photo).image, instances_of(segmentation), segmentation.spec
    alpha = opacity(image, softmax(segmentation.logits), spec)
    for number, (pet, rgba) in enumerate(zip(pets, cut_out_each(image, alpha, pets), strict=True), start=1):
        paths = {part: stem.with_name(f"{stem.name}-{part}-{number}.png") for part in ("mask", "cutout")}
        save_png(pet.mask_in(segmentation.size_hw) * np.uint8(255), paths["mask"], outputs)
        save_png(rgba, paths["cutout"], outputs)
        yield {
            "class": spec.objects[pet.class_id - 1].name,
            "box": list(pet.box),
            "area": pet.area / segmentation.mask.size,
            **{part: str(path) for part, path in paths.items()},
        }


def save_png(image: np.ndarray, path: Path, outputs: Outputs) -> None:
    """Writes uint8 (H, W) or (H, W, 3 or 4)."""
    with outputs.write(path) as partial:
        Image.fromarray(image).save(partial, "PNG")
