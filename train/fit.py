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
import sys
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from engine import allocator, dataset
from engine.allocator import restart_tuned
from engine.errors import InputError
from train import checkpoint, networks, recipe
from train.augment import KINDS
from train.data import PetCache, PetPictures, open_cache, split
from train.distributed import Processes, joined
from train.losses import SegmentationLoss, balanced_weights
from train.recipe import resumable_state, settings_of
from train.teacher import open_teacher
from train.training import Training
from train.validation import validate

COUNTED_STRIDE = 4  # of the pixels that class frequencies are counted on


def add_arguments(parser: argparse.ArgumentParser) -> None:
    recipe.add_arguments(parser)
    parser.add_argument("--stop-after", type=int, default=None, metavar="EPOCHS", help="stop early; --resume goes on")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --run")
    parser.add_argument(
        "--validate-every", type=int, default=1, metavar="EPOCHS", help="what is kept is validated in any case"
    )
    parser.add_argument(
        "--keep-every", type=int, default=None, metavar="EPOCHS", help="keep weights.pt of epoch N in --run/epoch-N"
    )


def run(args: argparse.Namespace) -> None:
    restart_tuned("train", sys.argv[1:])
    recipe.check(args)
    with joined() as processes, contextlib.ExitStack() as stack:
        if not processes.is_first:
            stack.enter_context(contextlib.redirect_stdout(None))
        fit(args, processes)


def fit(args: argparse.Namespace, processes: Processes) -> list[dict]:
    """Trains to the end, or to `--stop-after`; the history, an entry an epoch."""
    print(f"allocator: {allocator.describe_allocator()}", flush=True)
    if args.batch_size % processes.count:
        raise InputError(f"--batch-size is {args.batch_size}; expected a multiple of the {processes.count} processes.")
    settings = settings_of(args)
    path = args.run / "checkpoint.pt"
    state = resumable_state(path, settings, args.resume)
    device, precision = choose_device(args.precision, processes)
    teacher = open_teacher(args.teacher, args.teacher_size, device, precision)
    lesson = teacher and teacher.sha256
    if teacher:
        print(f"teacher {args.teacher} at {teacher.side} px, {args.teacher_share:g} of the loss")
    if state is not None and state.get("teacher_sha256") != lesson:
        raise InputError(
            f"{args.teacher} is not the file that {path} was made with. Restore it, or name another --run."
        )

    torch.manual_seed(args.seed)
    options = {"num_classes": len(dataset.CLASSES), "normalization": args.normalization}
    with processes.first_alone():  # who downloads and decodes
        network = networks.build(args.network, **options)
        if state is None:
            networks.load_encoder_weights(network, args.encoder_weights)
            if args.initial_weights != "none":
                print(networks.take_over(network, checkpoint.load_weights(Path(args.initial_weights))))
        cache = open_cache(args.data, args.cache)
    pictures = training_pictures(cache, args, args.min_side, args.passes)
    loss = SegmentationLoss(
        args.lovasz, args.dice, args.focal, args.border_species, args.ohem,
        class_weights(pictures, args.class_balance), args.teacher_share, args.teacher_temperature,
    )  # fmt: skip
    network.to(device, memory_format=torch.channels_last)
    training = Training(network, pictures, loss, teacher, args, precision, processes)
    history: list[dict] = []
    if state is not None:
        training.load_state_dict(state)
        history = state["history"]
        print(f"resumed after epoch {len(history)} of {args.epochs}")
    parameters = sum(p.numel() for p in network.parameters())
    print(f"{parameters / 1e6:.2f} M parameters; {len(pictures.samples)} training pictures")
    if processes.count > 1:
        print(f"{processes.count} processes, each with {args.batch_size // processes.count} of a batch's pictures")

    for epoch in range(len(history), args.epochs):
        row = {"epoch": epoch + 1, **training.epoch(epoch)}
        if processes.is_first:
            is_kept = args.keep_every and is_due(epoch + 1, args.keep_every, args.epochs)
            if is_kept or is_due(epoch + 1, args.validate_every, args.epochs):
                row |= validate(training.averaged, cache, args.validation_size or args.size, device)
            history.append(row)
            print(epoch_line(row, args.epochs, training.steps_per_epoch * args.batch_size), flush=True)
            made = {"settings": settings, "options": options, "history": history}
            checkpoint.save({**made, "teacher_sha256": lesson, **training.state_dict()}, path)
            if is_kept:
                keep(training, made, args.run / f"epoch-{epoch + 1}")
        if args.stop_after and epoch + 1 >= args.stop_after and epoch + 1 < args.epochs:
            print(f"stopped after epoch {epoch + 1}; --resume goes on")
            return history

    if processes.is_first:
        keep(training, {"settings": settings, "options": options, "history": history}, args.run)
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


def training_pictures(cache: PetCache, args: argparse.Namespace, min_side: int = 0, passes: int = 1) -> PetPictures:
    """The training pictures of the cache whose long side is `min_side` px or more, `--limit` of them at most.

    An epoch takes each of them `passes` times.

    Raises:
        InputError: they do not fill a batch, a trimap cannot be read, or no picture is left for validation.
    """
    training = split(cache.samples, "training")
    if min_side:
        training = [hashed for hashed in training if hashed.sample.long_side() >= min_side]
    training = training[: args.limit]
    if len(training) < args.batch_size:
        of_size = f" of {min_side} px and more" if min_side else ""
        raise InputError(
            f"{len(training)} training pictures{of_size} do not fill a batch of {args.batch_size}. Take a smaller one."
        )
    if not split(cache.samples, "validation"):
        raise InputError(f"None of the {len(cache.samples)} pictures of trainval falls to validation. Add pictures.")
    return PetPictures(cache, training, args.size, args.seed, kinds_of_pictures(args.scenes), passes)


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
    for index in tqdm(
        range(len(pictures.samples)), desc="counting classes", unit="picture", leave=False, mininterval=1
    ):
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
