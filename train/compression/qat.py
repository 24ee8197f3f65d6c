"""Finishes a network with the rounding of INT8 in its forward pass, so that it loses less when it is quantized.

    python -m train qat --model models/fastsegnet --data ROOT --run runs/fastsegnet-qat
    python -m train export --run runs/fastsegnet-qat --model models/fastsegnet
    python -m train quantize --model models/fastsegnet --data ROOT

Worth it where post-training quantization loses more than is allowed. NNCF puts fake quantizers into the PyTorch network
and sets their ranges by calibration pictures; then weights and ranges are trained together for some hundred steps. What
is kept are the weights: exported and quantized as always, so that all artefacts still come from one set of weights.
"""

import argparse
import time
from pathlib import Path

import torch
from torch import nn

from engine.command import Outcome
from engine.errors import InferenceError, InputError
from engine.files import Outputs
from engine.images import read_picture
from engine.segmenter import preprocess
from engine.spec import Model
from train.compression.finishing import finish, load_network, save_weights
from train.compression.ptq import KNOWN, quiet
from train.data import HashedSample, PetPictures, open_cache, split
from train.recipe import CACHE, add_places
from train.validation import validate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_places(parser)
    parser.add_argument("--model", type=Path, help="folder with torch.pt2")
    parser.add_argument("--steps", type=int, help="batches")
    parser.add_argument("--batch-size", type=int, help="pictures")
    parser.add_argument("--learning-rate", type=float, help="at the first step")
    parser.add_argument("--preset", choices=KNOWN["preset"], help="as for quantize")
    parser.add_argument("--model-type", choices=KNOWN["model_type"], help="as for quantize")
    parser.add_argument("--subset-size", type=int, metavar="N", help="calibration pictures")
    parser.add_argument("--seed", type=int, help="of the pictures")


def run(
    *,
    data: Path,
    model: Path = Path("models/fastsegnet"),
    run: Path = Path("runs/fastsegnet-qat"),
    cache: Path = CACHE,
    steps: int = 300,
    batch_size: int = 16,
    learning_rate: float = 1e-5,
    preset: str = "mixed",
    model_type: str = "convolutional",
    subset_size: int = 100,
    seed: int = 0,
    outputs: Outputs | None = None,
) -> Outcome:
    """Finishes a model's weights, and validates them with fake quantizers.

    Args:
        data: root of the dataset.
        model: folder with torch.pt2.
        run: folder to write weights.pt to.
        cache: folder of the decoded pictures.
        steps: batches of `batch_size` pictures.
        batch_size: pictures a step.
        learning_rate: at the first step.
        preset, model_type: as for `quantize`.
        subset_size: calibration pictures.
        seed: of the pictures.
        outputs: keeps what is there.

    Returns:
        "weights", the path, and "scores", those of the history.

    Raises:
        InputError: an option is out of its range, or there are weights already.
        InferenceError: NNCF failed, or the loss is no number any more.
    """
    numbers = {"steps": steps, "batch-size": batch_size, "learning-rate": learning_rate, "subset-size": subset_size}
    for name, value in numbers.items():
        if value <= 0:
            raise InputError(f"--{name} is {value}; expected more than 0.")
    path = (outputs or Outputs()).check(run / "weights.pt")
    opened = Model.open(model)
    size, settings = opened.spec.size_hw[0], opened.spec.training["settings"]
    network = load_network(opened)
    decoded = open_cache(data, cache)
    calibration = split(decoded.samples, "calibration")[:subset_size]
    print(f"fake quantizers by {len(calibration)} calibration pictures, preset {preset}", flush=True)
    wrapped = put_quantizers(network, calibration, size, preset, model_type)

    started = time.perf_counter()
    pictures = PetPictures(decoded, split(decoded.samples, "training"), settings["size"], seed)
    loss = finish(wrapped, pictures, steps, batch_size, learning_rate, settings.get("lovasz", 0.0), seed)
    row = {
        "finished": f"quantization-aware, {steps} batches of {batch_size} from {learning_rate:g}",
        "loss": loss,
        "seconds": time.perf_counter() - started,
        **validate(wrapped, decoded, size, torch.device("cpu")),
    }
    scores = "  ".join(f"{name} {row[name]:.4f}" for name in ("binary", "trimap", "species", "scenes"))
    print(f"loss {loss:.4f}, {row['seconds']:.0f} s; with fake quantizers on validation: {scores}")
    save_weights(wrapped, opened, row, path)
    print(f"wrote {path}; next: python -m train export --run {run} --model NEW --size {size}")
    return Outcome({"weights": str(path), "scores": row})


def put_quantizers(
    network: nn.Module, calibration: list[HashedSample], size: int, preset: str, model_type: str
) -> nn.Module:
    """A copy of the network with NNCF's fake quantizers, whose ranges are trained with the weights.

    Raises:
        InferenceError: NNCF failed.
    """

    def as_input(hashed: HashedSample) -> torch.Tensor:
        return torch.from_numpy(preprocess(read_picture(hashed.sample.photo).image, (size, size)))

    use_reference_quantizers()
    with quiet(show_bars=True) as nncf:
        try:
            return nncf.quantize(
                network,
                nncf.Dataset(calibration, as_input),
                preset=nncf.QuantizationPreset(preset),
                subset_size=len(calibration),
                model_type=nncf.ModelType.TRANSFORMER if model_type == "transformer" else None,
                # Biases stay those of the FP32 network: `quantize` corrects them for the weights that come out.
                advanced_parameters=nncf.AdvancedQuantizationParameters(disable_bias_correction=True),
            )
        except Exception as exc:  # NNCF raises errors of many types
            raise InferenceError(f"NNCF could not put fake quantizers in ({type(exc).__name__}: {exc}).") from exc


def use_reference_quantizers() -> None:
    """Lets NNCF compute its fake quantizers with PyTorch's own operations.

    Otherwise it compiles C++ when they are first used: it needs a compiler, and gives up after a minute.
    """
    from nncf.torch.quantization import extensions, reference

    class Reference:
        Quantize_forward = staticmethod(reference.torch_executor.forward)
        Quantize_backward = staticmethod(reference.torch_executor.backward)

    extensions.QuantizedFunctionsCPU._loaded_namespace = Reference
