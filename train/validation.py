"""How good a network is while it is trained: on the validation pictures, and on scenes composed of them."""

import numpy as np
import torch
from torch import nn

from engine import dataset
from engine.metrics import IGNORE_INDEX, PetScores, confusion_matrix, iou_per_class, mean_iou
from engine.postprocess import protocol_mask, trimap_from_logits
from engine.progress import counting
from engine.segmenter import preprocess
from train.data import CACHE_SIZE, PetCache, PetPictures, split

# Kinds of picture on which small pets and several to a photo are validated.
SCENES = {"collage": 0.3, "paste": 0.7}
# What a validation gives, in the order of the tables in train/LOG.md.
SCORES = ("binary", "mean_image", "trimap", "species", "boundary", "scenes", "scene_species")


@torch.inference_mode()
def validate(network: nn.Module, cache: PetCache, size: int, device: torch.device) -> dict[str, float]:
    """Scores on the validation pictures, at the cache's resolution, and on scenes composed of them.

    Returns:
        Shares from 0 to 1 by the names of `SCORES`: `binary` (dataset IoU), `mean_image`, `trimap`, `species` and
        `boundary` as `engine.metrics` has them; `scenes`, the IoU of "not background" over all scenes;
        `scene_species`, their mean IoU of background, cat and dog with the border ignored.
    """
    network.eval()
    size_hw = (CACHE_SIZE, CACHE_SIZE)
    samples = split(cache.samples, "validation")
    scenes = PetPictures(cache, samples, CACHE_SIZE, seed=0, kinds=SCENES)

    def infer(image: np.ndarray) -> np.ndarray:
        batch = torch.from_numpy(preprocess(image, (size, size)))
        return network(batch.to(device))[0].float().cpu().numpy()

    scores = PetScores()
    trimap_values = np.array([dataset.BACKGROUND, dataset.PET, dataset.PET, dataset.BORDER], np.uint8)
    pet_or_not, species = np.zeros((2, 2), np.int64), np.zeros((3, 3), np.int64)
    with counting(2 * len(samples), "validating") as advance:
        for hashed in samples:
            pixels = cache.pixels[hashed.row]
            logits = infer(pixels[:, :, :3])
            mask = protocol_mask(logits, size_hw, len(dataset.SPECIES))
            scores.add(trimap_values[pixels[:, :, 3]], hashed.sample.species, mask, trimap_from_logits(logits, size_hw))
            advance()
        for index in range(len(samples)):
            image, target = scenes.augment.compose(scenes.photo(index), np.random.default_rng((0, 0, index)))
            mask = protocol_mask(infer(image), size_hw, len(dataset.SPECIES))
            pet_or_not += confusion_matrix((target > 0).astype(np.uint8), (mask > 0).astype(np.uint8), 2)
            without_border = np.where(target == dataset.CLASSES.index("border"), np.uint8(IGNORE_INDEX), target)
            species += confusion_matrix(without_border, mask, 3)
            advance()

    report = scores.report()
    values = (
        report["binary"]["dataset_iou"], report["binary"]["mean_image_iou"], report["trimap"]["mean_iou"],
        report["species"]["mean_iou"], report["boundary_iou"], float(iou_per_class(pet_or_not)[1]),
        float(mean_iou(species)),
    )  # fmt: skip
    return dict(zip(SCORES, values, strict=True))
