"""Trains a smaller transformer to give the features of a larger one: pictures without labels, and no decoder.

The squared difference of features is a lesson of 192 numbers for each patch, where a mask is one of four classes; so
what was cut away is made up for faster than by training on masks, and what the large network had learnt from millions
of pictures is kept.

Source: Romero et al., "FitNets: Hints for Thin Deep Nets", ICLR 2015 (arXiv:1412.6550).
"""

import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, RandomSampler

from engine.progress import track
from train import checkpoint
from train.data import PetPictures

WARM_UP_STEPS = 30
MAX_GRADIENT_NORM = 1.0


@dataclass(frozen=True)
class Matching:
    """How features are matched.

    Attributes:
        epochs: over the training pictures, augmented as `fit` does.
        batch_size: pictures a step.
        learning_rate: the peak of the schedule, a short warm-up and half a cosine.
        seed: of the pictures' order.
        workers: loader processes.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    seed: int
    workers: int


def match_features(
    large: nn.Module,
    small: nn.Module,
    pictures: PetPictures,
    matching: Matching,
    precision: torch.dtype,
    settings: dict,
    path: Path,
    state: dict | None = None,
) -> list[dict]:
    """Trains `small.transformer`, in place; writes a checkpoint after each epoch.

    Args:
        large: with the features that are wanted; both networks are on one device and stay in evaluation mode.
        small: whose features become like them.
        pictures: that it learns from; their masks are not looked at.
        matching: how.
        precision: of the forward passes.
        settings: kept in the checkpoint, to know the run by.
        path: of the checkpoint.
        state: the checkpoint to go on from.

    Returns:
        An entry an epoch: `error`, the squared difference of features over their variance within a picture, the mean
        of the steps; `seconds`.
    """
    wide, slim = large.get_submodule("transformer"), small.get_submodule("transformer")
    normalize = large.get_submodule("normalize")
    parameters = list(slim.parameters())
    device = parameters[0].device
    steps_per_epoch = len(pictures) // matching.batch_size
    total = max(1, matching.epochs * steps_per_epoch)

    def factor(step: int) -> float:
        return min(1, (step + 1) / WARM_UP_STEPS) * (0.01 + 0.99 * (1 + math.cos(math.pi * min(1, step / total))) / 2)

    optimizer = torch.optim.AdamW(parameters, matching.learning_rate, weight_decay=0.0)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    history: list[dict] = []
    if state is not None:
        small.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        scheduler.load_state_dict(state["scheduler"])
        history = state["history"]
        print(f"resumed after epoch {len(history)} of {matching.epochs}")
    for epoch in track(range(len(history), matching.epochs), "epochs"):
        started = time.perf_counter()
        errors = []
        for images, _ in track(loader(pictures, matching, epoch), "batches"):
            with torch.autocast(device.type, precision, enabled=precision != torch.float32):
                pixels = normalize(images.to(device))
                with torch.no_grad():
                    wanted = wide(pixels).float()
                given = slim(pixels).float()
            error = ((given - wanted) ** 2).sum() / ((wanted - wanted.mean((2, 3), keepdim=True)) ** 2).sum()
            optimizer.zero_grad(set_to_none=True)
            error.backward()
            nn.utils.clip_grad_norm_(parameters, MAX_GRADIENT_NORM)
            optimizer.step()
            scheduler.step()
            errors.append(error.item())
        history.append({"epoch": epoch + 1, "error": float(np.mean(errors)), "seconds": time.perf_counter() - started})
        row = history[-1]
        speed = steps_per_epoch * matching.batch_size / row["seconds"]
        print(
            f"epoch {epoch + 1:2d}/{matching.epochs}  error of the features {row['error']:.4f}  "
            f"{row['seconds']:.0f} s, {speed:.1f} pictures/s",
            flush=True,
        )
        kept = {"settings": settings, "history": history, "network": small.state_dict()}
        checkpoint.save(kept | {"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}, path)
    return history


def loader(pictures: PetPictures, matching: Matching, epoch: int) -> DataLoader:
    """The batches of an epoch, the same ones whenever it is asked for."""
    pictures.epoch = epoch
    generator = torch.Generator().manual_seed(matching.seed + epoch)
    return DataLoader(
        pictures,
        matching.batch_size,
        sampler=RandomSampler(pictures, generator=generator),
        drop_last=True,
        num_workers=matching.workers,
        generator=generator,
        prefetch_factor=4 if matching.workers else None,
    )
