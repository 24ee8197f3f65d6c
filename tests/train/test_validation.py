"""What validation reports, for a network whose answer is known."""

import numpy as np
import pytest
import torch
from torch import nn

from train.data import CACHE_SIZE, PetPictures, open_cache, split
from train.validation import SCENES, SCORES, validate


class SeesCats(nn.Module):
    """Calls every pixel a cat."""

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        logits = torch.zeros(batch.shape[0], 4, *batch.shape[1:3])
        logits[:, 1] = 10
        return logits


def test_a_network_that_sees_cats_everywhere_scores_the_share_that_is_pet(shared_dataset, cache):
    pictures = open_cache(shared_dataset, cache)
    scores = validate(SeesCats(), pictures, 64, torch.device("cpu"))
    assert tuple(scores) == SCORES
    pets = split(pictures.samples, "validation")
    masks = np.stack([pictures.pixels[pet.row, :, :, 3] for pet in pets])
    # All is predicted, so the union is all pixels: the IoU of pets is their share, borders included.
    assert scores["binary"] == pytest.approx((masks > 0).mean())
    assert scores["mean_image"] == pytest.approx(np.mean([(mask > 0).mean() for mask in masks]))
    # Trimap: of pet, background and border the pet alone is predicted: a third of its share.
    assert scores["trimap"] == pytest.approx(np.isin(masks, (1, 2)).mean() / 3)

    scenes = PetPictures(pictures, pets, CACHE_SIZE, 0, SCENES)
    targets = np.stack(
        [scenes.augment.compose(scenes.photo(i), np.random.default_rng((0, 0, i)))[1] for i in range(len(pets))]
    )
    assert scores["scenes"] == pytest.approx((targets > 0).mean())
    # The border does not count; background and dog are annotated but never predicted: cats alone have an IoU.
    known = targets[targets != 3]
    present = len({0, 1} | set(np.unique(known)))
    assert scores["scene_species"] == pytest.approx((known == 1).mean() / present)
