"""Segment photos and write their masks.

python -m engine predict cat.jpg --cutout
python -m engine predict cat.jpg --effect replace --background beach.jpg
python -m engine predict cat.jpg --export coco,rle,svg --instances --json found.json
"""

import argparse
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from PIL import Image

from engine.backends import DEFAULT_BACKEND_OPTIONS, BackendOptions
from engine.command import Outcome, complain
from engine.commands import products
from engine.commands.options import add_backend, add_model
from engine.commands.products import Wanted
from engine.configuration import read_configuration
from engine.effects import DEFAULT_EFFECT_OPTIONS
from engine.errors import InputError
from engine.files import Outputs
from engine.images import Picture, read_picture
from engine.instances import instances_of, scores_of
from engine.progress import track
from engine.segmenter import (
    DEFAULT_BACKEND,
    DEFAULT_MODEL,
    NOTHING,
    UNSURE,
    Segmentation,
    Segmenter,
    timed,
)
from engine.spec import ModelSpec

HERE = Path(".")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("photos", nargs="+", type=Path, metavar="PHOTO")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the masks")
    products.add_arguments(parser)
    parser.add_argument("--config", type=Path, metavar="FILE", help="backend, threads and requests that a sweep found")
    add_backend(parser)
    add_model(parser)


def run(
    *,
    photos: Sequence[Path],
    out: Path = HERE,
    cutout: bool = False,
    effect: str | None = None,
    color: str | None = None,
    background: Path | None = None,
    blur: float = DEFAULT_EFFECT_OPTIONS.blur,
    export: tuple[str, ...] = (),
    instances: bool = False,
    config: Path | None = None,
    backend: str | None = None,
    model: str = DEFAULT_MODEL,
    outputs: Outputs | None = None,
) -> Outcome:
    """Segments each photo and writes what is wanted of it; a bad one is reported, and the others go on.

    Args:
        photos: files.
        out: folder to write to.
        cutout, effect, color, background, blur, export, instances: what is written besides the mask, see `Wanted`.
        config: what `sweep` wrote; says backend, threads and requests.
        backend: goes before that of `config`.
        model: a folder of models/, or a path.
        outputs: keeps what is there.

    Raises:
        InputError: an option cannot be used.
        ArtefactError, BackendUnavailableError: the model cannot be opened.
    """
    outputs = outputs or Outputs()
    wanted = Wanted.of(cutout, effect, color, background, blur, export, instances)
    outputs.protect([*photos, *([background] if background else [])])
    found, options = read_configuration(config) if config else (DEFAULT_BACKEND, DEFAULT_BACKEND_OPTIONS)
    segmenter = Segmenter.open(model, backend or found, options)
    results: list[dict] = []
    used: set[str] = set()
    failed = False
    for photo, answer in track(answers(segmenter, list(photos), options), "segmenting", len(photos)):
        try:
            if isinstance(answer, InputError):
                raise answer
            stem = free_stem(photo.stem, used)
            mask_path = out / f"{stem}-mask.png"
            for path in (mask_path, *products.planned(wanted, out / stem)):  # all of it, or nothing
                outputs.check(path)
            with outputs.write(mask_path) as partial:
                colored_mask(answer, segmenter.spec).save(partial, "PNG")
            more = products.write_products(photo, answer, wanted, out / stem, outputs)
        except InputError as error:
            complain(error)
            failed = True
            continue
        results.append(
            {
                "photo": str(photo),
                "size_hw": list(answer.size_hw),
                "areas": answer.areas,
                "found": answer.found,
                "objects": objects_of(answer),
                "timings_ms": answer.timings,
                "mask": str(mask_path),
                **more,
            }
        )
        print(f"{photo}  {found_in_words(answer)}  {sum(answer.timings.values()):.1f} ms  -> {mask_path}")
    return Outcome(results, failed)


def objects_of(segmentation: Segmentation) -> list[dict]:
    """The "objects" of `--json`, the largest first; none where nothing is found.

    Returns:
        By pet "label", "score" (see `engine.instances.scores_of`) and "box": left, top, width, height, px.
    """
    if segmentation.found == NOTHING:
        return []
    pets, classes = instances_of(segmentation), segmentation.spec.objects
    return [
        {"label": classes[pet.class_id - 1].name, "score": round(score, 4), "box": list(pet.box)}
        for pet, score in zip(pets, scores_of(segmentation, pets), strict=True)
    ]


def found_in_words(segmentation: Segmentation) -> str:
    """ "cat 41.2%  dog 0.0%", "perhaps cat 3.1%  dog 0.0%" or "no cat or dog"."""
    if segmentation.found == NOTHING:
        return f"no {' or '.join(segmentation.areas)}"
    areas = "  ".join(f"{name} {share:.1%}" for name, share in segmentation.areas.items())
    return f"perhaps {areas}" if segmentation.found == UNSURE else areas


def answers(
    segmenter: Segmenter, photos: list[Path], options: BackendOptions
) -> Iterator[tuple[Path, Segmentation | InputError]]:
    """Each photo with its segmentation, or with what is wrong with it; in their order, several at once."""
    groups = [photos[start : start + options.batch] for start in range(0, len(photos), options.batch)]
    with ThreadPoolExecutor(options.requests) as pool:
        for start in range(0, len(groups), options.requests):  # so that few results are kept in memory
            at_once = groups[start : start + options.requests]
            for group, found in zip(at_once, pool.map(partial(answer_group, segmenter), at_once), strict=True):
                yield from zip(group, found, strict=True)


def answer_group(segmenter: Segmenter, photos: list[Path]) -> list[Segmentation | InputError]:
    """The photos of one run of the network; a bad one takes no place in it."""
    read: dict[int, tuple[Picture, float]] = {}
    found: dict[int, Segmentation | InputError] = {}
    for number, photo in enumerate(photos):
        try:
            read[number] = timed(read_picture, photo, segmenter.spec.size_hw)
        except InputError as error:
            found[number] = error
    if read:
        pictures, read_ms = zip(*read.values(), strict=True)
        found |= zip(read, segmenter.segment_together(pictures, read_ms), strict=True)
    return [found[number] for number in range(len(photos))]


def free_stem(stem: str, used: set[str]) -> str:
    """`stem`, with a number where this run has used it already; two photos may share a name."""
    candidate, number = stem, 2
    while candidate in used:
        candidate = f"{stem}-{number}"
        number += 1
    used.add(candidate)
    return candidate


def colored_mask(segmentation: Segmentation, spec: ModelSpec) -> Image.Image:
    """The mask as a palette image: its values are class ids, its palette shows them in the classes' colours."""
    file = Image.fromarray(segmentation.mask)
    colors = ["#000000", *(c.color for c in spec.objects)]
    file.putpalette(b"".join(bytes.fromhex(color[1:]) for color in colors))
    return file
