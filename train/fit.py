"""Trains a network on Oxford-IIIT Pet, from pictures to weights; stops and resumes at any epoch.

    python -m train fit --data ROOT --run runs/fastsegnet --encoder-weights imagenet
    python -m train fit --data ROOT --run runs/fastsegnet --resume

Pictures are single photos, collages, pasted pets and empty grounds (train/augment.py); the loss is cross entropy over
background, cat, dog and border with a Lovász hinge beside it (train/losses.py); AdamW with a smaller rate for the
pretrained encoder; a cosine schedule with a short warm-up; an exponential moving average of the weights, which is what
is validated and kept.
Writes `checkpoint.pt` after every epoch and `weights.pt` after the last one.
"""

import argparse
import math
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader
from tqdm import tqdm

from engine import allocator, dataset
from engine.allocator import restart_tuned
from engine.errors import InputError
from engine.metrics import PetScores, confusion_matrix, iou_per_class
from engine.postprocess import mask_from_logits, trimap_from_logits
from engine.segmenter import preprocess
from train import checkpoint, networks
from train.data import CACHE_SIZE, PetCache, PetPictures, open_cache, split
from train.losses import segmentation_loss
from train.networks.normalization import NORMALIZATIONS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, metavar="ROOT", help="folder that holds oxford-iiit-pet/")
    parser.add_argument("--run", type=Path, default=Path("runs/fastsegnet"), help="folder of this run's files")
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"), help="folder of the decoded pictures")
    parser.add_argument("--network", default="fastsegnet", help=f"one of: {', '.join(networks.NETWORKS)}")
    parser.add_argument("--encoder-weights", default="imagenet", metavar="imagenet|PATH|none")
    parser.add_argument(
        "--initial-weights", default="none", metavar="PATH|none", help="weights.pt or torch.pt2 to go on from"
    )
    parser.add_argument(
        "--normalization", choices=NORMALIZATIONS, default="imagenet", help="how the encoder's weights expect pixels"
    )
    parser.add_argument("--size", type=int, default=256, help="side of a training picture, px; a multiple of 32")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=1e-3, help="of the decoder; the peak of the schedule")
    parser.add_argument("--encoder-rate", type=float, default=0.3, help="the encoder's share of the learning rate")
    parser.add_argument("--weight-decay", type=float, default=1e-2)
    parser.add_argument("--warmup-epochs", type=float, default=1.0)
    parser.add_argument("--ema-decay", type=float, default=0.998, help="of the averaged weights, a step")
    parser.add_argument("--lovasz", type=float, default=0.5, help="share of the Lovász hinge beside cross entropy")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 2) // 2), help="loader processes")
    parser.add_argument("--limit", type=int, default=None, help="train on so many pictures only (for a trial)")
    parser.add_argument("--stop-after", type=int, default=None, metavar="EPOCHS", help="stop early; --resume goes on")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --run")


# Kinds of picture on which small pets and several to a photo are validated.
SCENES = {"collage": 0.3, "paste": 0.7}
# What must be the same for a resumed run to be the same run.
SETTINGS = (
    "network", "encoder_weights", "initial_weights", "normalization", "size", "epochs", "batch_size", "learning_rate",
    "encoder_rate", "weight_decay", "warmup_epochs", "ema_decay", "lovasz", "seed", "limit",
)  # fmt: skip


def run(args: argparse.Namespace) -> None:
    restart_tuned("train", sys.argv[1:])
    print(f"allocator: {allocator.describe()}", flush=True)
    check(args)
    settings = {name: getattr(args, name) for name in SETTINGS}
    path = args.run / "checkpoint.pt"
    state = resumable_state(path, settings, args.resume)

    torch.manual_seed(args.seed)
    device, precision = choose_device()
    cache = open_cache(args.data, args.cache)
    training = split(cache.pets, "training")[: args.limit]
    if len(training) < args.batch_size:
        raise InputError(
            f"{len(training)} training pictures do not fill a batch of {args.batch_size}. Take a smaller one."
        )
    if not split(cache.pets, "validation"):
        raise InputError(f"None of the {len(cache.pets)} pictures of trainval falls to validation. Add pictures.")
    loader_dataset = PetPictures(cache, training, args.size, args.seed)
    options = {"num_classes": len(dataset.CLASSES), "normalization": args.normalization}
    network = networks.build(args.network, **options)
    if state is None:
        networks.load_encoder_weights(network, args.encoder_weights)
        if args.initial_weights != "none":
            print(networks.take_over(network, checkpoint.load_weights(Path(args.initial_weights))))
    network.to(device, memory_format=torch.channels_last)
    averaged = AveragedModel(network, multi_avg_fn=moving_average(args.ema_decay), use_buffers=True)
    optimizer = make_optimizer(network, args)
    steps_per_epoch = len(training) // args.batch_size
    scheduler = make_scheduler(optimizer, steps_per_epoch, args)

    history: list[dict] = []
    if state is not None:
        network.load_state_dict(state["network"])
        averaged.load_state_dict(state["averaged"])
        optimizer.load_state_dict(state["optimizer"])
        scheduler.load_state_dict(state["scheduler"])
        history = state["history"]
        print(f"resumed after epoch {len(history)} of {args.epochs}")
    print(f"{sum(p.numel() for p in network.parameters()) / 1e6:.2f} M parameters; {len(training)} training pictures")

    for epoch in range(len(history), args.epochs):
        started = time.perf_counter()
        loss = train_epoch(network, averaged, optimizer, scheduler, loader_dataset, epoch, args, device, precision)
        seconds = time.perf_counter() - started
        scores = validate(averaged.module, cache, args.size, device)
        history.append({"epoch": epoch + 1, "loss": loss, "seconds": seconds, **scores})
        print(epoch_line(history[-1], args.epochs, steps_per_epoch * args.batch_size / seconds), flush=True)
        state = {
            "settings": settings,
            "options": options,
            "network": network.state_dict(),
            "averaged": averaged.state_dict(),
            "optimizer": optimizer.state_dict(),
            "scheduler": scheduler.state_dict(),
            "history": history,
        }
        checkpoint.save(state, path)
        if args.stop_after and epoch + 1 >= args.stop_after and epoch + 1 < args.epochs:
            print(f"stopped after epoch {epoch + 1}; --resume goes on")
            return

    weights = {k: v.cpu().contiguous() for k, v in averaged.module.state_dict().items()}
    final = {"settings": settings, "options": options, "state_dict": weights, "history": history}
    checkpoint.save(final, args.run / "weights.pt")
    print(f"wrote {args.run / 'weights.pt'}")


def check(args: argparse.Namespace) -> None:
    if args.size % 32 or args.size <= 0:
        raise InputError(f"--size is {args.size}; expected a multiple of 32, such as 256.")
    if not 0 <= args.lovasz < math.inf:
        raise InputError(f"--lovasz is {args.lovasz}; expected 0 or more.")
    for name in ("epochs", "batch_size", "learning_rate"):
        if getattr(args, name) <= 0:
            raise InputError(f"--{name.replace('_', '-')} is {getattr(args, name)}; expected more than 0.")


def resumable_state(path: Path, settings: dict, resume: bool) -> dict | None:
    """The checkpoint to go on from, or None for a new run."""
    if not resume:
        if path.is_file():
            raise InputError(f"{path} is there already. Add --resume to go on, or name another --run.")
        return None
    state = checkpoint.load(path)
    changed = [name for name, value in settings.items() if state["settings"][name] != value]
    if changed:
        name = changed[0]
        raise InputError(
            f"{path} was made with {name} {state['settings'][name]!r}, not {settings[name]!r}. "
            "Give the options of the first start, or name another --run."
        )
    return state


def choose_device() -> tuple[torch.device, torch.dtype]:
    """Where to train and in which precision the forward pass runs; prints the choice with its reason."""
    if torch.cuda.is_available():
        print(f"device {torch.cuda.get_device_name()}, bfloat16 where it is safe")
        return torch.device("cuda"), torch.bfloat16
    if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported():
        print("device CPU: no CUDA found; bfloat16 where it is safe: this CPU computes in it")
        return torch.device("cpu"), torch.bfloat16
    print("device CPU: no CUDA found; float32: this CPU has no bfloat16 arithmetic")
    return torch.device("cpu"), torch.float32


def make_optimizer(network: nn.Module, args: argparse.Namespace) -> torch.optim.Optimizer:
    """AdamW; the encoder learns slower, and biases and batch norms do not decay."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        groups.setdefault((name.startswith("encoder."), parameter.ndim > 1), []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "lr": args.learning_rate * (args.encoder_rate if is_encoder else 1.0),
                "weight_decay": args.weight_decay if decays else 0.0,
            }
            for (is_encoder, decays), parameters in groups.items()
        ]
    )


def make_scheduler(optimizer, steps_per_epoch: int, args: argparse.Namespace) -> torch.optim.lr_scheduler.LambdaLR:
    """A linear warm-up, then half a cosine down to a hundredth of the peak; one step a batch."""
    total, warmup = args.epochs * steps_per_epoch, args.warmup_epochs * steps_per_epoch

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        progress = (step - warmup) / max(1, total - warmup)
        return 0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


def moving_average(decay: float):
    """Averages weights exponentially; the first steps count more, so that random weights are soon forgotten."""

    def update(averaged: list[torch.Tensor], current: list[torch.Tensor], num_averaged: torch.Tensor) -> None:
        n = float(num_averaged)
        share = 1 - min(decay, (1 + n) / (10 + n))
        for mean, value in zip(averaged, current, strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, share)
            else:
                mean.copy_(value)

    return update


def train_epoch(network, averaged, optimizer, scheduler, pictures, epoch, args, device, precision) -> float:
    """One pass over the training pictures; the mean loss of its batches."""
    torch.manual_seed(args.seed + epoch)
    pictures.epoch = epoch
    loader = DataLoader(
        pictures,
        args.batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=args.workers,
        generator=torch.Generator().manual_seed(args.seed + epoch),
        prefetch_factor=4 if args.workers else None,
        pin_memory=device.type == "cuda",
    )
    network.train()
    losses = []
    for batch, mask in tqdm(loader, desc=f"epoch {epoch + 1}", unit="batch", leave=False, mininterval=10):
        with torch.autocast(device.type, precision, enabled=precision != torch.float32):
            logits = network(batch.to(device, non_blocking=True))
        loss = segmentation_loss(logits.float(), mask.to(device), args.lovasz)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        scheduler.step()
        averaged.update_parameters(network)
        losses.append(loss.item())
    return float(np.mean(losses))


@torch.inference_mode()
def validate(network: nn.Module, cache: PetCache, size: int, device: torch.device) -> dict:
    """Scores on the validation pictures, at the cache's resolution, and on scenes composed of them."""
    network.eval()
    size_hw = (CACHE_SIZE, CACHE_SIZE)

    def infer(image: np.ndarray) -> np.ndarray:
        batch = torch.from_numpy(preprocess(image, (size, size)))
        return network(batch.to(device))[0].float().cpu().numpy()

    scores = PetScores()
    trimap_values = np.array([dataset.BACKGROUND, dataset.PET, dataset.PET, dataset.BORDER], np.uint8)
    pets = split(cache.pets, "validation")
    for hashed in pets:
        pixels = cache.pixels[hashed.row]
        logits = infer(pixels[:, :, :3])
        mask = mask_from_logits(logits, size_hw, len(dataset.SPECIES))
        scores.add(trimap_values[pixels[:, :, 3]], hashed.pet.species, mask, trimap_from_logits(logits, size_hw))
    report = scores.report()

    scenes = PetPictures(cache, pets, CACHE_SIZE, seed=0, kinds=SCENES)
    pet_or_not = np.zeros((2, 2), np.int64)
    for index in range(len(pets)):
        image, target = scenes.augment.compose(scenes.photo(index), np.random.default_rng((0, 0, index)))
        mask = mask_from_logits(infer(image), size_hw, len(dataset.SPECIES))
        pet_or_not += confusion_matrix((target > 0).astype(np.uint8), (mask > 0).astype(np.uint8), 2)
    return {
        "binary": report["binary"]["dataset_iou"],
        "trimap": report["trimap"]["mean_iou"],
        "species": report["species"]["mean_iou"],
        "scenes": float(iou_per_class(pet_or_not)[1]),
    }


def epoch_line(row: dict, epochs: int, pictures_per_second: float) -> str:
    return (
        f"epoch {row['epoch']:3d}/{epochs}  loss {row['loss']:.4f}  validation: binary {row['binary']:.4f}  "
        f"trimap {row['trimap']:.4f}  species {row['species']:.4f}  "
        f"scenes {row['scenes']:.4f}  "
        f"{row['seconds']:.0f} s, {pictures_per_second:.1f} pictures/s"
    )
