"""Makes a smaller network out of a trained one: fewer blocks, and narrower ones, that give the same features.

    python -m train narrow --model models/fastsegnet-large --network fastsegnet --data ROOT --run runs/narrow
    python -m train narrow --data ROOT --run runs/narrow --resume
    python -m train fit --network fastsegnet --initial-weights runs/narrow/weights.pt ...

Each block of the transformer that is kept loses neurons of its perceptron until it is as wide as the smaller network
wants it: always those whose loss the others make up for best. What is left is fitted, by least squares on calibration
pictures, to give the features of the large network after that block, and after those behind it that are left out. So a
block makes up for what the ones before it got wrong, too. Everything else is taken over as it is. Then the transformer
is trained to come nearer to those features (train/compression/matching.py); `--epochs 0` leaves that out, and
`--initial-weights` begins with it, from weights that an earlier run has made.

Source: which neurons to leave out, Hassibi, Stork, "Second order derivatives for network pruning: Optimal Brain
Surgeon", NIPS 1992; fitting what is left to the features of before, He, Zhang, Sun, "Channel Pruning for Accelerating
Very Deep Neural Networks", ICCV 2017 (arXiv:1707.06168).
"""

import argparse
import math
import os
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import torch
from torch import nn
from tqdm import tqdm

from engine import dataset
from engine.allocator import restart_tuned
from engine.errors import InputError
from engine.segmenter import preprocess
from engine.spec import Model, sha256_of
from train import checkpoint, networks
from train.compression.finishing import load_exactly, load_network, save_weights
from train.compression.matching import Matching, match_features
from train.data import CALIBRATION_IMAGES, PetCache, open_cache, split
from train.distributed import Processes
from train.fit import choose_device, training_pictures
from train.networks.vision_transformer import Block, VisionTransformer
from train.recipe import resumable_state
from train.validation import validate

TORCH = "torch.pt2"
RIDGE = 1e-4  # of the neurons' mean square, added to each: keeps neurons that say the same apart


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model", type=Path, default=Path("models/fastsegnet-large"), help="folder with the larger network's torch.pt2"
    )
    parser.add_argument("--network", default="fastsegnet", help="the smaller network, with a transformer as well")
    parser.add_argument(
        "--blocks", default="0,1,2,4,5,6,8", help="of the larger transformer that are kept, as many as the smaller has"
    )
    parser.add_argument(
        "--initial-weights", type=Path, default=None, metavar="PATH", help="weights.pt to train on instead of cutting"
    )
    parser.add_argument("--data", type=Path, required=True, metavar="ROOT", help="folder that holds oxford-iiit-pet/")
    parser.add_argument("--run", type=Path, default=Path("runs/narrow"), help="folder to write weights.pt to")
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"), help="folder of the decoded pictures")
    parser.add_argument("--size", type=int, default=320, help="side of the pictures, px; a multiple of 32")
    parser.add_argument("--subset-size", type=int, default=CALIBRATION_IMAGES, metavar="N", help="calibration pictures")
    parser.add_argument("--epochs", type=int, default=7, help="of the training to give the same features")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=3e-4, help="the peak of its schedule")
    parser.add_argument("--scenes", type=float, default=0.3, metavar="SHARE", help="of composed training pictures")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, default=None, help="train on so many pictures only (for a trial)")
    parser.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 2) // 2), help="loader processes")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --run")


# What must be the same for a resumed run to be the same run.
SETTINGS = (
    "network", "blocks", "size", "subset_size", "epochs", "batch_size", "learning_rate", "scenes", "seed", "limit",
)  # fmt: skip


def run(args: argparse.Namespace) -> None:
    restart_tuned("train", sys.argv[1:])
    check(args)
    path = args.run / "weights.pt"
    checkpoint.refuse_overwriting(path, "--run")
    model = Model.open(args.model)
    large = load_network(model).requires_grad_(False)
    options = {"num_classes": len(dataset.CLASSES), "normalization": model.spec.network["normalization"]}
    small = networks.build(args.network, **options).eval()
    blocks = chosen_blocks(args.blocks, large, small)
    settings = {name: getattr(args, name) for name in SETTINGS} | {"model": model.spec.artefacts[TORCH].sha256[TORCH]}
    settings["initial_weights"] = "none"
    if args.initial_weights:
        load_exactly(small, args.initial_weights, args.network)
        settings["initial_weights"] = sha256_of(args.initial_weights)
    state = resumable_state(args.run / "checkpoint.pt", settings, args.resume)
    device, precision = choose_device("auto", Processes())
    cache = open_cache(args.data, args.cache)
    pictures = training_pictures(cache, args)

    if state is None and not args.initial_weights:
        pixels = calibration_pixels(cache, args.size, args.subset_size)
        print(f"{len(pixels)} calibration pictures at {args.size} px; error: what is left of the features' variance")
        narrow(large, small, blocks, pixels)
        tell(args.network, small, validate(small, cache, args.size, torch.device("cpu")))
    for network in (large, small):
        network.to(device, memory_format=torch.channels_last)
    matching = Matching(args.epochs, args.batch_size, args.learning_rate, args.seed, args.workers)
    match_features(large, small, pictures, matching, precision, settings, args.run / "checkpoint.pt", state)
    tell(model.spec.name, large, validate(large, cache, args.size, device))
    scores = validate(small, cache, args.size, device)
    tell(args.network, small, scores)
    training = {"settings": model.spec.training["settings"] | {"network": args.network, "size": args.size}}
    spec = replace(model.spec, network={"architecture": args.network, **options}, training=training)
    row = {"narrowed": f"{model.spec.name} {model.spec.version}", **scores}
    save_weights(small.cpu(), Model(model.folder, spec), row, path)
    print(f"wrote {path}; next: python -m train fit --network {args.network} --initial-weights {path} ...")


def check(args: argparse.Namespace) -> None:
    """Refuses values that no run can have.

    Raises:
        InputError: an option is out of its range; it is named.
    """
    if args.size % 32 or args.size <= 0:
        raise InputError(f"--size is {args.size}; expected a multiple of 32, such as 320.")
    if not 1 <= args.subset_size <= CALIBRATION_IMAGES:
        raise InputError(f"--subset-size is {args.subset_size}; expected 1 to {CALIBRATION_IMAGES}.")
    if args.epochs < 0 or args.workers < 0:
        raise InputError(f"--epochs is {args.epochs} and --workers {args.workers}; expected 0 or more.")
    for name in ("batch_size", "learning_rate"):
        if not 0 < getattr(args, name) < math.inf:
            raise InputError(f"--{name.replace('_', '-')} is {getattr(args, name)}; expected more than 0.")
    if not 0 <= args.scenes <= 1:
        raise InputError(f"--scenes is {args.scenes}; expected 0 to 1.")


def tell(name: str, network: nn.Module, scores: dict[str, float]) -> None:
    parameters = sum(p.numel() for p in network.parameters()) / 1e6
    told = "  ".join(f"{score} {value:.4f}" for score, value in scores.items())
    print(f"{name}: {parameters:.2f} M parameters; on validation {told}", flush=True)


def chosen_blocks(text: str, large: nn.Module, small: nn.Module) -> list[int]:
    """The blocks that are kept, from a text such as "0,1,4".

    Raises:
        InputError: a network has no transformer; or they are no rising numbers of blocks of the larger one, as many
            as the smaller one has.
    """
    for network in (large, small):
        if not isinstance(getattr(network, "transformer", None), VisionTransformer):
            raise InputError("narrow makes a network with a transformer out of another such; one of these has none.")
    depth, wanted = len(large.transformer.blocks), len(small.transformer.blocks)
    try:
        blocks = [int(word) for word in text.split(",")]
    except ValueError:
        blocks = []
    if len(blocks) != wanted or not all(a < b for a, b in pairwise([-1, *blocks, depth])):
        raise InputError(f"--blocks is {text!r}; expected {wanted} rising numbers from 0 to {depth - 1}.")
    for index, block in zip(blocks, small.transformer.blocks, strict=True):
        width, most = block.mlp[0].out_features, large.transformer.blocks[index].mlp[0].out_features
        if width > most:
            raise InputError(f"A block is to be {width} wide, but block {index} of the larger network has {most}.")
    return blocks


def calibration_pixels(cache: PetCache, size: int, count: int) -> list[torch.Tensor]:
    """Calibration pictures as a network sees them: uint8 (1, size, size, 3) each."""
    chosen = split(cache.samples, "calibration")[:count]
    return [torch.from_numpy(preprocess(cache.pixels[hashed.row][:, :, :3], (size, size))) for hashed in chosen]


@torch.inference_mode()
def narrow(large: nn.Module, small: nn.Module, blocks: list[int], pixels: list[torch.Tensor]) -> list[float]:
    """Gives the smaller network its weights.

    Args:
        large: with a `transformer`; stays as it is.
        small: the same but for the number and the widths of its transformer's blocks; changed in place.
        blocks: of the larger transformer that are kept.
        pixels: uint8 (1, H, W, 3) each.

    Returns:
        After each block, what is left of the features' variance: 0 is the large network's very features.
    """
    kept = {name: value for name, value in large.state_dict().items() if not name.startswith("transformer.blocks.")}
    small.load_state_dict(kept, strict=False)
    wanted = [large.transformer.embed(large.normalize(picture)) for picture in pixels]
    given = list(wanted)
    errors = []
    ends = [*blocks[1:], len(large.transformer.blocks)]
    progress = tqdm(zip(blocks, ends, small.transformer.blocks, strict=True), "blocks", len(blocks), mininterval=1)
    for index, end, block in progress:
        for left_out in large.transformer.blocks[index:end]:
            wanted = [left_out(tokens) for tokens in wanted]
        given = narrow_block(large.transformer.blocks[index], block, given, wanted)
        errors.append(unexplained(given, wanted))
        progress.write(f"block {index}, {block.mlp[0].out_features} wide: error {errors[-1]:.3f}")
    return errors


def narrow_block(
    source: Block, block: Block, given: list[torch.Tensor], wanted: list[torch.Tensor]
) -> list[torch.Tensor]:
    """Gives a block its weights; what it makes of the features before it.

    Args:
        source: the wider block.
        block: the narrower one, changed in place.
        given: features before it, float32 (1, T, C) of each picture.
        wanted: features that should come after it.
    """
    for part in ("ln_1", "self_attention", "ln_2"):
        getattr(block, part).load_state_dict(getattr(source, part).state_dict())
    attended = [tokens + block.self_attention(block.ln_1(tokens)) for tokens in given]
    squares, products = moments(source, attended, wanted)
    width = block.mlp[0].out_features
    neurons = most_useful(squares, products, width)
    weights = least_squares(squares, products, neurons)
    first, last = block.mlp[0], block.mlp[2]
    first.load_state_dict({"weight": source.mlp[0].weight[neurons], "bias": source.mlp[0].bias[neurons]})
    last.load_state_dict({"weight": weights[:-1].T.float(), "bias": weights[-1].float()})
    return [tokens + block.mlp(block.ln_2(tokens)) for tokens in attended]


def moments(
    source: Block, attended: list[torch.Tensor], wanted: list[torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """The sums of which the least-squares solution is made, over all tokens of all pictures.

    Returns:
        Of the neurons and a constant 1 with each other, float64 (K + 1, K + 1), the ridge on its diagonal; and with
        what the perceptron should add, float64 (K + 1, C).
    """
    neurons, channels = source.mlp[0].out_features, source.mlp[2].out_features
    squares = torch.zeros(neurons + 1, neurons + 1, dtype=torch.float64)
    products = torch.zeros(neurons + 1, channels, dtype=torch.float64)
    for tokens, target in zip(attended, wanted, strict=True):
        active = source.mlp[1](source.mlp[0](source.ln_2(tokens)))[0]
        active = torch.cat([active, torch.ones(len(active), 1)], dim=1)
        squares += (active.T @ active).double()
        products += (active.T @ (target - tokens)[0]).double()
    diagonal = squares.diagonal()
    diagonal += RIDGE * diagonal[:-1].mean()
    return squares, products


def most_useful(squares: torch.Tensor, products: torch.Tensor, count: int) -> list[int]:
    """The neurons that are left when the others, least useful first, have gone.

    The one goes whose absence raises the squared error least once the others are fitted anew: the sum over channels of
    w ** 2 / its entry on the inverse's diagonal (Optimal Brain Surgeon).

    Args:
        squares: float64 (K + 1, K + 1), see `moments`.
        products: float64 (K + 1, C).
        count: of those that are left.

    Returns:
        Their indices, rising.
    """
    constant = len(squares) - 1
    remaining = torch.arange(len(squares))
    inverse = torch.linalg.inv(squares)
    weights = inverse @ products
    while len(remaining) - 1 > count:
        costs = (weights[:-1] ** 2).sum(dim=1) / inverse.diagonal()[:-1]
        going = int(costs.argmin())
        column = inverse[:, going] / inverse[going, going]
        weights = weights - column[:, None] * weights[going]
        inverse = inverse - column[:, None] * inverse[going]
        others = torch.arange(len(remaining)) != going
        remaining, weights, inverse = remaining[others], weights[others], inverse[others][:, others]
    return remaining[remaining != constant].tolist()


def least_squares(squares: torch.Tensor, products: torch.Tensor, neurons: list[int]) -> torch.Tensor:
    """Weights of the neurons, and the bias last: float64 (len(neurons) + 1, C)."""
    chosen = torch.tensor([*neurons, len(squares) - 1])
    return torch.linalg.solve(squares[chosen][:, chosen], products[chosen])


def unexplained(given: list[torch.Tensor], wanted: list[torch.Tensor]) -> float:
    """The squared difference of features over their variance within a picture, summed over all pictures."""
    missed = sum(float(((ours - theirs) ** 2).sum()) for ours, theirs in zip(given, wanted, strict=True))
    spread = sum(float(((tokens - tokens.mean(dim=1, keepdim=True)) ** 2).sum()) for tokens in wanted)
    return missed / spread
