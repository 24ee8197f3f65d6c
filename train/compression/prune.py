"""Prunes a model's weights with NNCF at several ratios, and says what that does to size, accuracy and speed.

    python -m train prune --model models/fastsegnet --data ROOT --ratios 0.3,0.5,0.7 --out runs/pruned
    python -m train prune --model models/fastsegnet --data ROOT --ratios 0.5 --steps 300

The smallest weights become zero (unstructured: single weights, wherever they lie), batch norms adapt to it on
calibration pictures, and --steps trains what is left with the masks in place. Writes a folder for each ratio with
openvino-fp32.xml and weights.pt, and pruned.json and pruned.md with the table; the model itself is not changed.
`fit --initial-weights` takes such a weights.pt but knows no masks: the zeros fill up again, so it is --steps that
trains a pruned network.

Zeros compress and do not compute faster: OpenVINO's CPU plugin skips none in convolutions. Its sparse weights
(CPU_SPARSE_WEIGHTS_DECOMPRESSION_RATE) are for matrix products alone and save memory traffic, not arithmetic.
"""

import argparse
import io
import json
import zipfile
from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import openvino as ov
import torch
from torch import nn

from engine.benchmark import drawn_picture
from engine.command import Outcome
from engine.errors import InputError
from engine.evaluate import score, spread
from engine.files import Outputs
from engine.images import read_picture
from engine.latency import compare_all, measure
from engine.progress import track
from engine.score_table import FP32_IR
from engine.segmenter import Segmenter, preprocess
from engine.spec import Model
from train.compression.candidate import opened
from train.compression.finishing import finish, load_network, save_weights
from train.compression.ptq import quiet
from train.compression.scores import SCORES, drops, read_scores
from train.data import HashedSample, PetPictures, open_cache, read_trainval, split
from train.export import forget_sources, write_openvino
from train.half import store_in_half
from train.recipe import CACHE

MODES = {"global": "UNSTRUCTURED_MAGNITUDE_GLOBAL", "local": "UNSTRUCTURED_MAGNITUDE_LOCAL"}
DENSE = "unpruned"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, help="folder with torch.pt2")
    parser.add_argument("--data", type=Path, required=True, metavar="ROOT", help="folder that holds oxford-iiit-pet/")
    parser.add_argument("--out", type=Path, help="folder to write")
    parser.add_argument("--cache", type=Path, help="folder of the decoded pictures")
    parser.add_argument("--ratios", help="shares of the weights that become zero")
    parser.add_argument("--mode", choices=MODES, help="smallest of the network, or of each layer")
    parser.add_argument("--adaptation", type=int, help="pictures that batch norms adapt to")
    parser.add_argument("--steps", type=int, help="batches to train what is left")
    parser.add_argument("--batch-size", type=int, help="pictures")
    parser.add_argument("--learning-rate", type=float, help="at the first step")
    parser.add_argument("--seconds", type=float, help="of timing, all together")
    parser.add_argument("--limit-validation", type=int, metavar="N", help="score so many pictures only (for a trial)")


@dataclass(frozen=True)
class PrunedModel:
    """A pruned model and what came of it.

    Attributes:
        name: "0.5", the ratio asked for, or `DENSE`.
        sparsity: share of zeros among the weights that can be pruned.
        size_mb: of the IR.
        zip_mb: of the IR in a zip file.
        scores: 0 to 1, by the names of `train.compression.scores.SCORES`.
        drop: in points.
        layers: sparsity by weight tensor.
        speed: how many times as fast as the unpruned one: "median", "ci95", "verdict".
    """

    name: str
    sparsity: float
    size_mb: float
    zip_mb: float
    scores: dict[str, float]
    drop: dict[str, float]
    layers: dict[str, float] = field(default_factory=dict)
    speed: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Recovery:
    """What a pruned network gets so that it recovers.

    Attributes:
        adaptation: pictures that batch norms adapt to.
        steps: batches to train what is left.
        batch_size: pictures a step.
        learning_rate: at the first step.
    """

    adaptation: int
    steps: int
    batch_size: int
    learning_rate: float


def run(
    *,
    data: Path,
    model: Path = Path("models/fastsegnet"),
    out: Path = Path("runs/pruned"),
    cache: Path = CACHE,
    ratios: str = "0.3,0.5,0.7",
    mode: str = "global",
    adaptation: int = 100,
    steps: int = 0,
    batch_size: int = 16,
    learning_rate: float = 1e-4,
    seconds: float = 20.0,
    limit_validation: int | None = None,
    outputs: Outputs | None = None,
) -> Outcome:
    """Prunes at each ratio, and tells size, scores and speed.

    Args:
        data: root of the dataset.
        model: folder with torch.pt2 and openvino-fp32.xml.
        out: folder to write, a folder in it for each ratio.
        cache: folder of the decoded pictures.
        ratios: shares of the weights that become zero, with commas.
        mode: of `MODES`.
        adaptation, steps, batch_size, learning_rate: see `Recovery`.
        seconds: of timing, all together.
        limit_validation: scores so many pictures only.
        outputs: keeps what is there.

    Returns:
        The fields of `PrunedModel` for each, the unpruned one first.

    Raises:
        InputError: an option is out of its range, or the folder holds a result already.
    """
    outputs = outputs or Outputs()
    shares = parse_ratios(ratios)
    for name, value in (("--adaptation", adaptation), ("--steps", steps)):
        if value < 0:
            raise InputError(f"{name} is {value}; expected 0 or more.")
    for name in ("pruned.json", "pruned.md", *(f"ratio-{ratio:g}/weights.pt" for ratio in shares)):
        outputs.check(out / name)
    opened_model, recovery = Model.open(model), Recovery(adaptation, steps, batch_size, learning_rate)
    trainval = read_trainval(data)
    calibration = split(trainval, "calibration")
    pictures = training_pictures(opened_model, data, cache) if steps else None
    spec = opened_model.spec
    samples = spread([hashed.sample for hashed in split(trainval, "validation")], limit_validation)
    source = opened_model.artefact(FP32_IR)
    segmenters = {DENSE: Segmenter(spec, opened(source, spec))}
    before = read_scores(score(segmenters[DENSE], samples))
    half, (size_mb, zip_mb) = stored_in_half(source), sizes(source)
    rows = [PrunedModel(DENSE, 0.0, size_mb, zip_mb, before, drops(before, before))]
    for ratio in track(shares, "pruning"):
        name, folder = f"{ratio:g}", out / f"ratio-{ratio:g}"
        print(f"pruning {ratio:.0%} of the weights, {mode}", flush=True)
        network, layers, sparsity = pruned(opened_model, ratio, mode, calibration, pictures, recovery)
        folder.mkdir(parents=True, exist_ok=True)
        write_ir(network, spec.size_hw[0], folder / FP32_IR, half)
        segmenters[name] = Segmenter(spec, opened(folder / FP32_IR, spec))
        scores = read_scores(score(segmenters[name], samples))
        save_weights(network, opened_model, {"pruned": ratio, "mode": mode, **scores}, folder / "weights.pt")
        rows.append(PrunedModel(name, sparsity, *sizes(folder / FP32_IR), scores, drops(before, scores), layers))
    print("timing all of them in turn", flush=True)
    rows = timed_rows(rows, segmenters, seconds)
    table, figures = to_table(rows), [asdict(row) for row in rows]
    with outputs.write(out / "pruned.json") as partial:
        partial.write_text(json.dumps(figures, indent=2) + "\n")
    with outputs.write(out / "pruned.md") as partial:
        partial.write_text(table + "\n")
    print(table)
    print(f"wrote {out}")
    return Outcome(figures)


def parse_ratios(text: str) -> list[float]:
    """ "0.3,0.5" is [0.3, 0.5].

    Raises:
        InputError: one of them is no number between 0 and 1, or comes twice.
    """
    try:
        ratios = [float(part) for part in text.split(",")]
    except ValueError:
        ratios = []
    if not ratios or not all(0 < ratio < 1 for ratio in ratios) or len(set(ratios)) < len(ratios):
        raise InputError(f"--ratios is {text!r}; expected different shares between 0 and 1, such as 0.3,0.5.")
    return ratios


def training_pictures(model: Model, data: Path, cache: Path) -> PetPictures:
    """What `fit` would draw for this model."""
    settings = model.spec.training["settings"]
    decoded = open_cache(data, cache)
    return PetPictures(decoded, split(decoded.samples, "training"), settings["size"], settings["seed"])


def pruned(
    model: Model,
    ratio: float,
    mode: str,
    calibration: list[HashedSample],
    pictures: PetPictures | None,
    recovery: Recovery,
) -> tuple[nn.Module, dict[str, float], float]:
    """A pruned copy of the network with its zeros in place; the sparsity of each weight tensor, and of all."""
    size_hw = model.spec.size_hw

    def as_input(hashed: HashedSample) -> torch.Tensor:
        return torch.from_numpy(preprocess(read_picture(hashed.sample.photo).image, size_hw))

    with quiet(show_bars=True) as nncf:
        kind, example = nncf.PruneMode[MODES[mode]], as_input(calibration[0])
        network = nncf.prune(load_network(model), kind, ratio=ratio, examples_inputs=example)
        if recovery.adaptation:
            count = min(recovery.adaptation, len(calibration))
            nncf.batch_norm_adaptation(network, nncf.Dataset(calibration, as_input), num_iterations=count)
        if pictures is not None:
            lovasz = model.spec.training["settings"].get("lovasz", 0.0)
            loss = finish(
                network, pictures, recovery.steps, recovery.batch_size, recovery.learning_rate, lovasz, seed=0
            )
            print(f"loss {loss:.4f} after {recovery.steps} batches")
        statistic = nncf.pruning_statistic(network)
    layers = {each.tensor_name: each.pruned_ratio for each in statistic.pruned_tensors}
    return with_zeros(network, load_network(model)), layers, statistic.pruning_ratio


def with_zeros(masked: nn.Module, plain: nn.Module) -> nn.Module:
    """A plain network whose weights are those of a pruned one, its masks multiplied in."""
    from nncf.torch.function_hook.pruning.magnitude.algo import get_pruned_modules

    state = {name: value for name, value in masked.state_dict().items() if "__nncf_hooks" not in name}
    for name, mask in get_pruned_modules(masked).items():
        state[name] = state[name] * mask.binary_mask
    plain.load_state_dict(state)
    return plain.requires_grad_(False)


def stored_in_half(path: Path) -> bool:
    """Whether an IR holds constants of 16 bits, as `export --half` writes them."""
    constants = (op for op in ov.Core().read_model(path).get_ops() if op.get_type_name() == "Constant")
    return any(constant.get_element_type() == ov.Type.f16 for constant in constants)


def write_ir(network: nn.Module, size: int, path: Path, half: bool) -> None:
    """The FP32 IR, as `export` writes it, with or without `--half`."""
    if half:
        network = deepcopy(network)
        store_in_half(network)
    batch = torch.zeros((2, size, size, 3), dtype=torch.uint8)
    program = torch.export.export(network, (batch,), dynamic_shapes=({0: torch.export.Dim("n", min=1, max=64)},))
    forget_sources(program)
    write_openvino(program, size, path)


def sizes(path: Path) -> tuple[float, float]:
    """Megabytes of an IR, as it is and in a zip file."""
    files = (path, path.with_suffix(".bin"))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, file.name)
    return sum(file.stat().st_size for file in files) / 1e6, len(packed.getvalue()) / 1e6


def timed_rows(rows: list[PrunedModel], segmenters: dict[str, Segmenter], seconds: float) -> list[PrunedModel]:
    """The rows with how many times as fast as the unpruned model each is, all timed in turn on a drawn picture."""
    picture = read_picture(drawn_picture())
    measured = measure(segmenters, [picture], seconds=seconds)
    ratios = compare_all(measured.samples)
    return [replace(row, speed=ratios.get(f"{DENSE}/{row.name}", {})) for row in rows]


def speed_words(speed: dict) -> str:
    """ "1.02 [0.99, 1.05], no significant difference"; "" where nothing was timed."""
    if not speed:
        return ""
    low, high = speed["ci95"]
    return f"{speed['median']:.2f} [{low:.2f}, {high:.2f}], {speed['verdict']}"


def to_table(rows: list[PrunedModel]) -> str:
    """The rows in Markdown, then the sparsity of each layer."""
    lines = [
        f"| pruned | zeros | MB | MB zipped | {' | '.join(SCORES)} | times as fast |",
        "|---|" + "---|" * (len(SCORES) + 4),
    ]
    for row in rows:
        cells = [f"{row.sparsity:.1%}", f"{row.size_mb:.2f}", f"{row.zip_mb:.2f}"]
        cells += [f"{row.scores[name]:.4f} ({row.drop[name]:+.2f})" for name in SCORES]
        speed = speed_words(row.speed)
        lines.append(f"| {row.name} | {' | '.join(cells)} | {speed} |")
    names = [row.name for row in rows if row.layers]
    lines += ["", f"| zeros in | {' | '.join(names)} |", "|---|" + "---|" * len(names)]
    for layer in sorted(rows[-1].layers):
        lines.append(f"| {layer} | {' | '.join(f'{row.layers[layer]:.1%}' for row in rows if row.layers)} |")
    return "\n".join(lines)
