"""How well a model on a backend does on a split of Oxford-IIIT Pet."""

from pathlib import Path

import numpy as np
from tqdm import tqdm

from engine.dataset import Pet, read_split
from engine.errors import InputError
from engine.metrics import PetScores
from engine.postprocess import trimap_from_logits
from engine.segmenter import Segmenter


def evaluate(segmenter: Segmenter, root: Path | str, split: str = "test", limit: int | None = None) -> dict:
    """Scores over a split, each at the annotation's own resolution.

    Args:
        segmenter: a pet model (classes background, cat, dog, border).
        root: the folder that holds oxford-iiit-pet/.
        split: "test" or "trainval".
        limit: so many photos only, evenly spread over the split's list.

    Returns:
        The fields of `evaluate --json` after "split": "images", "binary", "trimap", "species", ...

    Raises:
        InputError: the data cannot be read.
    """
    return score(segmenter, spread(read_split(root, split), limit))


def score(segmenter: Segmenter, pets: list[Pet]) -> dict:
    """Scores over a list of photos, as `evaluate` gives them.

    Raises:
        InputError: a photo or a trimap cannot be read, or they differ in size.
    """
    scores = PetScores()
    for pet in tqdm(pets, desc="evaluating", unit="photo", leave=False, mininterval=1):
        segmentation = segmenter.predict(pet.photo)
        trimap = pet.read_trimap()
        if trimap.shape != segmentation.size_hw:
            raise InputError(
                f"{pet.trimap_path} is {trimap.shape}, its photo {segmentation.size_hw} (height, width). "
                "They must have one size: restore the files."
            )
        scores.add(trimap, pet.species, segmentation.mask, trimap_from_logits(segmentation.logits, trimap.shape))
    return scores.report()


def spread(pets: list[Pet], limit: int | None) -> list[Pet]:
    """`limit` photos, evenly spaced, since the list is ordered by breed."""
    if limit is None or limit >= len(pets):
        return pets
    if limit < 1:
        raise InputError(f"--limit is {limit}; expected 1 or more photos.")
    return [pets[i] for i in np.linspace(0, len(pets) - 1, limit).round().astype(int)]
