"""Segment photos and write their masks.

python -m engine predict cat.jpg --cutout
python -m engine predict cat.jpg --effect replace --background beach.jpg
python -m engine predict cat.jpg --export coco,rle,svg --instances --json found.json
"""

import argparse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from PIL import Image

from engine.backends import DEFAULT_BACKEND_OPTIONS, BackendOptions
from engine.commands import products
from engine.commands.options import add_backend, add_json, add_model, complain
from engine.configuration import read_configuration
from engine.errors import InputError
from engine.images import Picture, read_picture
from engine.segmenter import DEFAULT_BACKEND, Segmentation, Segmenter, timed
from engine.spec import ModelSpec


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("photos", nargs="+", type=Path, metavar="PHOTO")
    parser.add_argument("--out", type=Path, default=Path("."), metavar="DIR", help="folder of the masks (here)")
    products.add_arguments(parser)
    parser.add_argument("--config", type=Path, metavar="FILE", help="backend, threads and requests that a sweep found")
    add_backend(parser, default=None)
    add_model(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> tuple[list, bool]:
    """Segments each photo; a bad one is reported, and the others go on."""
    wanted = products.wanted_of(args)
    backend, options = read_configuration(args.config) if args.config else (DEFAULT_BACKEND, DEFAULT_BACKEND_OPTIONS)
    segmenter = Segmenter.open(args.model, args.backend or backend, options)
    results: list[dict] = []
    used: set[str] = set()
    failed = False
    for photo, answer in answers(segmenter, args.photos, options):
        try:
            if isinstance(answer, InputError):
                raise answer
            stem = free_stem(photo.stem, used)
            mask_path = args.out / f"{stem}-mask.png"
            products.save_png(colored_mask(answer, segmenter.spec), mask_path)
            more = products.write_products(photo, answer, wanted, args.out / stem)
        except InputError as error:
            complain(error)
            failed = True
            continue
        results.append(
            {
                "photo": str(photo),
                "size_hw": list(answer.size_hw),
                "areas": answer.areas,
                "timings_ms": answer.timings,
                "mask": str(mask_path),
                **more,
            }
        )
        areas = "  ".join(f"{name} {share:.1%}" for name, share in answer.areas.items())
        print(f"{photo}  {areas}  {sum(answer.timings.values()):.1f} ms  -> {mask_path}")
    return results, failed


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
