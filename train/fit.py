"""Trains a network on Oxford-IIIT Pet, from pictures to weights; stops and resumes at any epoch.

    python -m train fit --data ROOT --run runs/fastsegnet --encoder-weights imagenet
    python -m train fit --data ROOT --run runs/fastsegnet --resume
    torchrun --nproc-per-node 2 -m -- train fit --data ROOT --run runs/fastsegnet

Pictures are single photos, collages, pasted pets and empty grounds (train/augment.py); the loss is cross entropy over
background, cat, dog and border with a Lovász hinge beside it, and others on request (train/losses.py), a teacher's
answers among them (train/teacher.py); AdamW with a smaller rate for the pretrained encoder; a cosine schedule with a
short warm-up; an exponential moving average of the weights, which is what is validated and kept.
Writes `checkpoint.pt` after every epoch and `weights.pt` after the last one; on request `weights.pt` of earlier epochs
too, in folders that other commands take as --run: `runs/fastsegnet/epoch-12`.
"""

import argparse
import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine import allocator, dataset
from engine.command import Outcome
from engine.errors import InputError
from engine.files import Outputs
from engine.progress import listening, silent, track
from train import checkpoint, networks
from train.augment import KINDS
from train.data import PetCache, PetPictures, open_cache, split
from train.distributed import Processes, joined
from train.losses import SegmentationLoss, balanced_weights
from train.recipe import CACHE, RUN, Recipe, add_places, check_numbers, resumable_state
from train.recipe import add_arguments as add_recipe
from train.teacher import open_teacher
from train.training import Training
from train.validation import validate

COUNTED_STRIDE = 4  # of the pixels that class frequencies are counted on


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_places(parser)
    add_recipe(parser)
    parser.add_argument("--stop-after", type=int, metavar="EPOCHS", help="stop early; --resume goes on")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --run")
    parser.add_argument("--validate-every", type=int, metavar="EPOCHS", help="what is kept is validated in any case")
    parser.add_argument("--keep-every", type=int, metavar="EPOCHS", help="keep weights.pt of epoch N in --run/epoch-N")


def run(
    *,
    data: Path,
    run: Path = RUN,
    cache: Path = CACHE,
    stop_after: int | None = None,
    resume: bool = False,
    validate_every: int = 1,
    keep_every: int | None = None,
    outputs: Outputs | None = None,
    **settings: Any,
) -> Outcome:
    """Trains a network to the end, or to `stop_after`.

    Args:
        data: root of the dataset.
        run: folder of what is written: checkpoint.pt after every epoch, weights.pt at the end.
        cache: folder of the decoded pictures.
        stop_after: epochs; `resume` goes on from there.
        resume: goes on from the checkpoint in `run`.
        validate_every: so many epochs; what is kept is validated in any case.
        keep_every: so many epochs, weights.pt is kept in a folder of its own.
        outputs: keeps the weights.pt of another run.
        settings: of `Recipe`, by name.

    Returns:
        "run", "epochs", "history" (an entry an epoch, its scores among them) and "weights", the path, once it is done.

    Raises:
        InputError: an option is out of its range, the data cannot be read, or the run is another one.
    """
    recipe = Recipe(**settings)
    recipe.check()
    check_numbers({"stop_after": stop_after, "validate_every": validate_every, "keep_every": keep_every})
    if not resume and not (run / "checkpoint.pt").is_file():
        (outputs or Outputs()).check(run / "weights.pt")
    allocator.tune()
    with joined() as processes, contextlib.ExitStack() as stack:
        if not processes.is_first:
            stack.enter_context(contextlib.redirect_stdout(None))
            stack.enter_context(listening(silent))
        history = fit(recipe, data, run, cache, processes, stop_after, resume, validate_every, keep_every)
        if not processes.is_first:
            return Outcome(None)
    weights = str(run / "weights.pt") if len(history) == recipe.epochs else None
    return Outcome({"run": str(run), "epochs": len(history), "history": history, "weights": weights})


def fit(
    recipe: Recipe,
    data: Path,
    folder: Path,
    cached: Path,
    processes: Processes,
    stop_after: int | None = None,
    resume: bool = False,
    validate_every: int = 1,
    keep_every: int | None = None,
) -> list[dict]:
    """The same in one of several processes; the history, an entry an epoch."""
    print(f"allocator: {allocator.describe_allocator()}", flush=True)
    if recipe.batch_size % processes.count:
        raise InputError(
            f"--batch-size is {recipe.batch_size}; expected a multiple of the {processes.count} processes."
        )
    settings = recipe.settings()
    path = folder / "checkpoint.pt"
    state = resumable_state(path, settings, resume)
    device, precision = choose_device(recipe.precision, processes)
    teacher = open_teacher(recipe.teacher, recipe.teacher_size, device, precision)
    lesson = teacher and teacher.sha256
    if teacher:
        print(f"teacher {recipe.teacher} at {teacher.side} px, {recipe.teacher_share:g} of the loss")
    if state is not None and state.get("teacher_sha256") != lesson:
        raise InputError(
            f"{recipe.teacher} is not the file that {path} was made with. Restore it, or name another --run."
        )

    torch.manual_seed(recipe.seed)
    options = {"num_classes": len(dataset.CLASSES), "normalization": recipe.normalization}
    with processes.first_alone():  # who downloads and decodes
        network = networks.build(recipe.network, **options)
        if state is None:
            networks.load_encoder_weights(network, recipe.encoder_weights)
            if recipe.initial_weights != "none":
                print(networks.take_over(network, checkpoint.load_weights(Path(recipe.initial_weights))))
        cache = open_cache(data, cached)
    pictures = training_pictures(
        cache, recipe.size, recipe.seed, recipe.batch_size, recipe.limit, recipe.scenes, recipe.min_side, recipe.passes
    )
    loss = SegmentationLoss(
        recipe.lovasz, recipe.dice, recipe.focal, recipe.border_species, recipe.ohem,
        class_weights(pictures, recipe.class_balance), recipe.teacher_share, recipe.teacher_temperature,
    )  # fmt: skip
    network = networks.channels_last(network.to(device))
    training = Training(network, pictures, loss, teacher, recipe, precision, processes)
    history: list[dict] = []
    if state is not None:
        training.load_state_dict(state)
        history = state["history"]
        print(f"resumed after epoch {len(history)} of {recipe.epochs}")
    parameters = sum(p.numel() for p in network.parameters())
    print(f"{parameters / 1e6:.2f} M parameters; {len(pictures.samples)} training pictures")
    if processes.count > 1:
        print(f"{processes.count} processes, each with {recipe.batch_size // processes.count} of a batch's pictures")

    last = min(recipe.epochs, max(len(history) + 1, stop_after or recipe.epochs))
    for epoch in track(range(len(history), last), "epochs"):
        row = {"epoch": epoch + 1, **training.epoch(epoch)}
        if processes.is_first:
            is_kept = bool(keep_every) and is_due(epoch + 1, keep_every or 1, recipe.epochs)
            if is_kept or is_due(epoch + 1, validate_every, recipe.epochs):
                row |= validate(training.averaged, cache, recipe.validation_size or recipe.size, device)
            history.append(row)
            print(epoch_line(row, recipe.epochs, training.steps_per_epoch * recipe.batch_size), flush=True)
            made = {"settings": settings, "options": options, "history": history}
            checkpoint.save({**made, "teacher_sha256": lesson, **training.state_dict()}, path)
            if is_kept:
                keep(training, made, folder / f"epoch-{epoch + 1}")
    if last < recipe.epochs:
        print(f"stopped after epoch {last}; --resume goes on")
        return history

    if processes.is_first:
        keep(training, {"settings": settings, "options": options, "history": history}, folder)
    return history


def is_due(epoch: int, every: int, epochs: int) -> bool:
    """Whether what is done after every so many epochs, and after the last one, is done after this one, from 1."""
    return epoch % every == 0 or epoch == epochs


def keep(training: Training, made: dict, folder: Path) -> None:
    """Writes the averaged weights to `folder`, with what is known of how they were made."""
    weights = {name: value.cpu().contiguous() for name, value in training.averaged.state_dict().items()}
    checkpoint.save(made | {"state_dict": weights}, folder / "weights.pt")
    print(f"wrote {folder / 'weights.pt'}")


def choose_device(wanted: str, processes: Processes) -> tuple[torch.device, torch.dtype]:
    """Where to train and in which precision the forward pass runs; prints the choice with its reason.

    Args:
        wanted: "float32" or "bfloat16", or "auto" for what is fast here.
        processes: each has a GPU of its own, where there are GPUs.
    """
    if torch.cuda.is_available():
        device = torch.device("cuda", processes.local_rank)
        where = f"device {torch.cuda.get_device_name(device)}"
        precision, why = torch.bfloat16, "bfloat16 where it is safe"
    else:
        device, where = torch.device("cpu"), "device CPU: no CUDA found"
        precision, why = torch.float32, "float32: this CPU has no bfloat16 arithmetic"
        if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported():
            precision, why = torch.bfloat16, "bfloat16 where it is safe: this CPU computes in it"
    if wanted != "auto":
        precision, why = getattr(torch, wanted), f"{wanted}: --precision says so"
    print(f"{where}; {why}")
    return device, precision


def training_pictures(
    cache: PetCache,
    size: int,
    seed: int,
    batch_size: int,
    limit: int | None = None,
    scenes: float | None = None,
    min_side: int = 0,
    passes: int = 1,
) -> PetPictures:
    """The training pictures of the cache.

    Args:
        cache: the decoded pictures.
        size: side of a training picture, px.
        seed: of everything drawn.
        batch_size: they fill one at least.
        limit: so many of them at most.
        scenes: share of composed pictures; None for that of train/augment.py.
        min_side: px; those whose long side is shorter are left out.
        passes: an epoch takes each of them so often.

    Raises:
        InputError: they do not fill a batch, a trimap cannot be read, or no picture is left for validation.
    """
    training = split(cache.samples, "training")
    if min_side:
        training = [hashed for hashed in training if hashed.sample.long_side() >= min_side]
    training = training[:limit]
    if len(training) < batch_size:
        of_size = f" of {min_side} px and more" if min_side else ""
        raise InputError(
            f"{len(training)} training pictures{of_size} do not fill a batch of {batch_size}. Take a smaller one."
        )
    if not split(cache.samples, "validation"):
        raise InputError(f"None of the {len(cache.samples)} pictures of trainval falls to validation. Add pictures.")
    return PetPictures(cache, training, size, seed, kinds_of_pictures(scenes), passes)


def kinds_of_pictures(scenes: float | None) -> dict[str, float]:
    """Probabilities of the kinds of picture, where a share of them are scenes; None for that of train/augment.py."""
    if scenes is None:
        return KINDS
    composed = {kind: probability for kind, probability in KINDS.items() if kind != "single"}
    total = sum(composed.values())
    return {"single": 1 - scenes} | {kind: scenes * probability / total for kind, probability in composed.items()}


def class_weights(pictures: PetPictures, power: float) -> torch.Tensor | None:
    """Factors that balance the classes, from the masks of the photos by themselves; None where `power` is 0."""
    if not power:
        return None
    counts = np.zeros(len(dataset.CLASSES), np.int64)
    for index in track(range(len(pictures.samples)), "counting classes"):
        _, mask = pictures.photo(index)
        counts += np.bincount(mask[::COUNTED_STRIDE, ::COUNTED_STRIDE].ravel(), minlength=len(counts))
    weights = balanced_weights(torch.from_numpy(counts), power)
    names = ", ".join(f"{name} {weight:.2f}" for name, weight in zip(dataset.CLASSES, weights, strict=True))
    print(f"class weights: {names}")
    return weights


def epoch_line(row: dict, epochs: int, pictures: int) -> str:
    scores = ""
    if "binary" in row:
        scores = (
            f"binary {row['binary']:.4f}  image {row['mean_image']:.4f}  trimap {row['trimap']:.4f}  "
            f"species {row['species']:.4f}  boundary {row['boundary']:.4f}  "
            f"scenes {row['scenes']:.4f} {row['scene_species']:.4f}  "
        )
    return (
        f"epoch {row['epoch']:3d}/{epochs}  loss {row['loss']:.4f}  {scores}"
        f"{row['seconds']:.0f} s, {pictures / row['seconds']:.1f} pictures/s, {row['waiting']:.0%} waiting for them"
    )
