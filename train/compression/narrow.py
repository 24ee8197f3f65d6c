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
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import torch
from torch import nn

from engine import allocator, dataset
from engine.command import Outcome
from engine.errors import InputError
from engine.files import Outputs
from engine.progress import track
from engine.segmenter import preprocess
from engine.spec import Model, sha256_of
from train import networks
from train.compression.finishing import load_exactly, load_network, save_weights
from train.compression.matching import Matching, match_features
from train.data import CALIBRATION_IMAGES, PetCache, open_cache, split
from train.distributed import Processes
from train.fit import choose_device, training_pictures
from train.networks.vision_transformer import Block, VisionTransformer
from train.recipe import CACHE, WORKERS, add_places, resumable_state
from train.validation import validate

TORCH = "torch.pt2"
RIDGE = 1e-4  # of the neurons' mean square, added to each: keeps neurons that say the same apart


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_places(parser)
    parser.add_argument("--model", type=Path, help="folder with the larger network's torch.pt2")
    parser.add_argument("--network", help="the smaller network, with a transformer as well")
    parser.add_argument("--blocks", help="of the larger transformer that are kept, as many as the smaller has")
    parser.add_argument(
        "--initial-weights", type=Path, metavar="PATH", help="weights.pt to train on instead of cutting"
    )
    parser.add_argument("--size", type=int, help="side of the pictures, px; a multiple of 32")
    parser.add_argument("--subset-size", type=int, metavar="N", help="calibration pictures")
    parser.add_argument("--epochs", type=int, help="of the training to give the same features")
    parser.add_argument("--batch-size", type=int, help="pictures")
    parser.add_argument("--learning-rate", type=float, help="the peak of its schedule")
    parser.add_argument("--scenes", type=float, metavar="SHARE", help="of composed training pictures")
    parser.add_argument("--seed", type=int, help="of the pictures")
    parser.add_argument("--limit", type=int, help="train on so many pictures only (for a trial)")
    parser.add_argument("--workers", type=int, help="loader processes")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --run")


def run(
    *,
    data: Path,
    model: Path = Path("models/fastsegnet-large"),
    network: str = "fastsegnet",
    run: Path = Path("runs/narrow"),
    cache: Path = CACHE,
    blocks: str = "0,1,2,4,5,6,8",
    initial_weights: Path | None = None,
    size: int = 320,
    subset_size: int = CALIBRATION_IMAGES,
    epochs: int = 7,
    batch_size: int = 16,
    learning_rate: float = 3e-4,
    scenes: float = 0.3,
    seed: int = 0,
    limit: int | None = None,
    workers: int = WORKERS,
    resume: bool = False,
    outputs: Outputs | None = None,
) -> Outcome:
    """Makes the smaller network and validates it beside the larger one.

    Args:
        data: root of the dataset.
        model: folder with the larger network's torch.pt2.
        network: the smaller one, by name.
        run: folder to write checkpoint.pt and weights.pt to.
        cache: folder of the decoded pictures.
        blocks: of the larger transformer that are kept, rising numbers with commas.
        initial_weights: to train on instead of cutting.
        size: side of the pictures, px.
        subset_size: calibration pictures.
        epochs, batch_size, learning_rate, scenes, seed, limit, workers: of the training to give the same features.
        resume: goes on from the checkpoint in `run`.
        outputs: keeps what is there.

    Returns:
        "weights", the path, "error" (of the features, after the last epoch; None without one) and "scores".

    Raises:
        InputError: an option is out of its range, or the run is there already, or is another one.
    """
    allocator.tune()
    check(size, subset_size, epochs, workers, batch_size, learning_rate, scenes)
    path = (outputs or Outputs()).check(run / "weights.pt")
    opened = Model.open(model)
    large = load_network(opened).requires_grad_(False)
    options = {"num_classes": len(dataset.CLASSES), "normalization": opened.spec.network["normalization"]}
    small = networks.build(network, **options).eval()
    kept = chosen_blocks(blocks, large, small)
    # What must be the same for a resumed run to be the same run.
    settings = {
        "network": network, "blocks": blocks, "size": size, "subset_size": subset_size, "epochs": epochs,
        "batch_size": batch_size, "learning_rate": learning_rate, "scenes": scenes, "seed": seed, "limit": limit,
        "model": opened.spec.artefacts[TORCH].sha256[TORCH], "initial_weights": "none",
    }  # fmt: skip
    if initial_weights:
        load_exactly(small, initial_weights, network)
        settings["initial_weights"] = sha256_of(initial_weights)
    state = resumable_state(run / "checkpoint.pt", settings, resume)
    device, precision = choose_device("auto", Processes())
    decoded = open_cache(data, cache)
    pictures = training_pictures(decoded, size, seed, batch_size, limit, scenes)

    if state is None and not initial_weights:
        pixels = calibration_pixels(decoded, size, subset_size)
        print(f"{len(pixels)} calibration pictures at {size} px; error: what is left of the features' variance")
        narrow(large, small, kept, pixels)
        tell(network, small, validate(small, decoded, size, torch.device("cpu")))
    for each in (large, small):
        networks.channels_last(each.to(device))
    matching = Matching(epochs, batch_size, learning_rate, seed, workers)
    history = match_features(large, small, pictures, matching, precision, settings, run / "checkpoint.pt", state)
    tell(opened.spec.name, large, validate(large, decoded, size, device))
    scores = validate(small, decoded, size, device)
    tell(network, small, scores)
    training = {"settings": opened.spec.training["settings"] | {"network": network, "size": size}}
    spec = replace(opened.spec, network={"architecture": network, **options}, training=training)
    row = {"narrowed": f"{opened.spec.name} {opened.spec.version}", **scores}
    save_weights(small.cpu(), Model(opened.folder, spec), row, path)
    print(f"wrote {path}; next: python -m train fit --network {network} --initial-weights {path} ...")
    return Outcome({"weights": str(path), "error": history[-1]["error"] if history else None, "scores": scores})


def check(
    size: int, subset_size: int, epochs: int, workers: int, batch_size: int, learning_rate: float, scenes: float
) -> None:
    """Refuses values that no run can have.

    Raises:
        InputError: an option is out of its range; it is named.
    """
    if size % 32 or size <= 0:
        raise InputError(f"--size is {size}; expected a multiple of 32, such as 320.")
    if not 1 <= subset_size <= CALIBRATION_IMAGES:
        raise InputError(f"--subset-size is {subset_size}; expected 1 to {CALIBRATION_IMAGES}.")
    if epochs < 0 or workers < 0:
        raise InputError(f"--epochs is {epochs} and --workers {workers}; expected 0 or more.")
    for name, value in (("--batch-size", batch_size), ("--learning-rate", learning_rate)):
        if not 0 < value < math.inf:
            raise InputError(f"{name} is {value}; expected more than 0.")
    if not 0 <= scenes <= 1:
        raise InputError(f"--scenes is {scenes}; expected 0 to 1.")


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
    wide, slim = (transformer_of(network).block_list for network in (large, small))
    depth, wanted = len(wide), len(slim)
    try:
        blocks = [int(word) for word in text.split(",")]
    except ValueError:
        blocks = []
    if len(blocks) != wanted or not all(a < b for a, b in pairwise([-1, *blocks, depth])):
        raise InputError(f"--blocks is {text!r}; expected {wanted} rising numbers from 0 to {depth - 1}.")
    for index, block in zip(blocks, slim, strict=True):
        width, most = block.mlp.first.out_features, wide[index].mlp.first.out_features
        if width > most:
            raise InputError(f"A block is to be {width} wide, but block {index} of the larger network has {most}.")
    return blocks


def transformer_of(network: nn.Module) -> VisionTransformer:
    """The transformer of a network.

    Raises:
        InputError: it has none.
    """
    transformer = getattr(network, "transformer", None)
    if not isinstance(transformer, VisionTransformer):
        raise InputError("narrow makes a network with a transformer out of another such; one of these has none.")
    return transformer


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
    wide, slim = transformer_of(large), transformer_of(small)
    normalize = large.get_submodule("normalize")
    wanted = [wide.embed(normalize(picture)) for picture in pixels]
    given = list(wanted)
    errors = []
    ends = [*blocks[1:], len(wide.blocks)]
    for index, end, block in track(zip(blocks, ends, slim.block_list, strict=True), "blocks", len(blocks)):
        for left_out in wide.block_list[index:end]:
            wanted = [left_out(tokens) for tokens in wanted]
        given = narrow_block(wide.block_list[index], block, given, wanted)
        errors.append(unexplained(given, wanted))
        print(f"block {index}, {block.mlp.first.out_features} wide: error {errors[-1]:.3f}", flush=True)
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
    width = block.mlp.first.out_features
    neurons = most_useful(squares, products, width)
    weights = least_squares(squares, products, neurons)
    first, last, wider = block.mlp.first, block.mlp.last, source.mlp.first
    first.load_state_dict({"weight": wider.weight[neurons], "bias": wider.bias[neurons]})
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
    neurons, channels = source.mlp.first.out_features, source.mlp.last.out_features
    squares = torch.zeros(neurons + 1, neurons + 1, dtype=torch.float64)
    products = torch.zeros(neurons + 1, channels, dtype=torch.float64)
    for tokens, target in zip(attended, wanted, strict=True):
        active = source.mlp[1](source.mlp.first(source.ln_2(tokens)))[0]
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
