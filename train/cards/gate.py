"""What a committed model must still be able to do: its scores on a small fixed set, kept in model.json.

`train card` records it; the tests check it. Where the dataset is not there, the example pictures of the repository
stand in: how much of each cell of a grid is pet, and how much of the picture is cat and dog.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from engine.dataset import Sample, read_split
from engine.disturbances import DISTURBANCES
from engine.evaluate import evaluate_together, spread
from engine.images import read_picture
from engine.metrics import HEADLINES
from engine.segmenter import Segmentation, Segmenter
from engine.spec import MODELS, sha256_of

REPOSITORY = MODELS.parent
PHOTOS = 60
CELLS = 8  # of the grid, in either direction
# INT8 on CPUs with and without VNNI, and other versions of a runtime, move a score on 60 photos by less.
TOLERANCE = 0.003
CELL_TOLERANCE = 2.0  # percent of a cell, on average
AREA_TOLERANCE = 0.02
# Photos of the repository, as they are and as users' photos are: smaller in the frame, several, turned, dark.
EXAMPLES = ("demo/examples/cat.jpg", "demo/examples/coffee.jpg")
STRENGTHS = ("1/2 of the side", "x 0.5", "15 degrees")
STATES = {f"{each.kind}, {each.strength}": each for each in DISTURBANCES if each.strength in STRENGTHS}
AS_IT_IS = "as it is"


def record(segmenters: Mapping[str, Segmenter], root: Path) -> dict:
    """The "gate" of model.json.

    Args:
        segmenters: by artefact.
        root: of the dataset; the photos are of its test split, evenly spread.
    """
    samples = spread(read_split(root, "test"), PHOTOS)
    return {
        "photos": [sample.name for sample in samples],
        "photos_sha256": fingerprint(samples),
        "scores": measure_scores(segmenters, samples),
        "examples": measure_examples(segmenters),
    }


def recorded_photos(gate: dict, root: Path) -> list[Sample] | None:
    """The recorded photos, or None where this copy of the dataset holds others or the same in another size."""
    by_name = {sample.name: sample for sample in read_split(root, "test")}
    if not set(gate["photos"]) <= by_name.keys():
        return None
    samples = [by_name[name] for name in gate["photos"]]
    return samples if fingerprint(samples) == gate["photos_sha256"] else None


def fingerprint(samples: list[Sample]) -> str:
    """Changes with the bytes of any photo or trimap."""
    paths = [path for sample in samples for path in (sample.photo, sample.trimap_path)]
    return hashlib.sha256("".join(sha256_of(path) for path in paths).encode()).hexdigest()


def measure_scores(segmenters: Mapping[str, Segmenter], samples: list[Sample]) -> dict[str, dict[str, float]]:
    """The headline scores by artefact."""
    once = np.ones((1, len(samples)))
    return {
        name: {key: round(float(value[0]), 5) for key, value in evaluation.scores.headlines(once).items()}
        for name, evaluation in evaluate_together(segmenters, samples).items()
    }


def measure_examples(segmenters: Mapping[str, Segmenter]) -> dict[str, dict]:
    """By picture and artefact: the areas, and the grid, a line of percents for each row."""
    seen: dict[str, dict] = {}
    for path in EXAMPLES:
        image = read_picture(REPOSITORY / path).image
        states = {AS_IT_IS: image}
        for name, disturbance in STATES.items():
            states[name] = disturbance.apply(image, np.full(image.shape[:2], 2, np.uint8), path)[0]
        for name, state in states.items():
            seen[f"{path}, {name}"] = {
                artefact: mask_in_numbers(segmenter.predict(state)) for artefact, segmenter in segmenters.items()
            }
    return seen


def mask_in_numbers(segmentation: Segmentation) -> dict:
    """A mask in few numbers."""
    areas = {name: round(area, 4) for name, area in segmentation.areas.items()}
    return {"areas": areas, "grid": [" ".join(map(str, row)) for row in grid(segmentation.mask).tolist()]}


def grid(mask: np.ndarray) -> np.ndarray:
    """Percent of each cell that is an object: int (CELLS, CELLS), from class ids uint8 (H, W).

    Example:
        A mask whose left half is an object gives 100 in the four columns on the left and 0 in the others.
    """
    strips = np.array_split(mask > 0, CELLS, axis=0)
    return np.array([[round(100 * cell.mean()) for cell in np.array_split(strip, CELLS, axis=1)] for strip in strips])


def worse_scores(gate: dict, segmenters: Mapping[str, Segmenter], samples: list[Sample]) -> list[str]:
    """What is worse than recorded by more than the tolerance, a line each."""
    measured = measure_scores(segmenters, samples)
    return [
        f"{artefact}: {key} is {measured[artefact][key]:.4f}, recorded {gate['scores'][artefact][key]:.4f}"
        for artefact in segmenters
        for key in HEADLINES
        if measured[artefact][key] < gate["scores"][artefact][key] - TOLERANCE
    ]


def changed_examples(gate: dict, segmenters: Mapping[str, Segmenter]) -> list[str]:
    """What is not as recorded on the example pictures, a line each."""
    lines = []
    for picture, by_artefact in measure_examples(segmenters).items():
        for artefact, seen in by_artefact.items():
            kept = gate["examples"][picture][artefact]
            cells = [np.array([row.split() for row in each["grid"]], float) for each in (seen, kept)]
            if (moved := np.abs(cells[0] - cells[1]).mean()) > CELL_TOLERANCE:
                lines.append(f"{artefact} on {picture}: the mask moved by {moved:.1f} % of a cell")
            for name, area in kept["areas"].items():
                if abs(seen["areas"][name] - area) > AREA_TOLERANCE:
                    lines.append(
                        f"{artefact} on {picture}: {name} covers {seen['areas'][name]:.3f}, recorded {area:.3f}"
                    )
    return lines
