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

from engine.errors import InferenceError, InputError
from engine.images import read_picture
from engine.segmenter import preprocess
from engine.spec import Model
from train import checkpoint
from train.compression.finishing import finish, load_network, save_weights
from train.compression.ptq import KNOWN, quiet
from train.data import HashedSample, PetPictures, open_cache, split
from train.validation import validate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, default=Path("models/fastsegnet"), help="folder with torch.pt2")
    parser.add_argument("--data", type=Path, required=True, metavar="ROOT", help="folder that holds oxford-iiit-pet/")
    parser.add_argument("--run", type=Path, default=Path("runs/fastsegnet-qat"), help="folder to write weights.pt to")
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"), help="folder of the decoded pictures")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=1e-5, help="at the first step")
    parser.add_argument("--preset", choices=KNOWN["preset"], default="mixed", help="as for quantize")
    parser.add_argument("--model-type", choices=KNOWN["model_type"], default="convolutional")
    parser.add_argument("--subset-size", type=int, default=100, metavar="N", help="calibration pictures")
    parser.add_argument("--seed", type=int, default=0)


def run(args: argparse.Namespace) -> None:
    for name in ("steps", "batch_size", "learning_rate", "subset_size"):
        if getattr(args, name) <= 0:
            raise InputError(f"--{name.replace('_', '-')} is {getattr(args, name)}; expected more than 0.")
    path = args.run / "weights.pt"
    checkpoint.refuse_overwriting(path, "--run")
    model = Model.open(args.model)
    size, settings = model.spec.size_hw[0], model.spec.training["settings"]
    network = load_network(model)
    cache = open_cache(args.data, args.cache)
    calibration = split(cache.samples, "calibration")[: args.subset_size]
    print(f"fake quantizers by {len(calibration)} calibration pictures, preset {args.preset}", flush=True)
    wrapped = put_quantizers(network, calibration, size, args)

    started = time.perf_counter()
    pictures = PetPictures(cache, split(cache.samples, "training"), settings["size"], args.seed)
    loss = finish(
        wrapped, pictures, args.steps, args.batch_size, args.learning_rate, settings.get("lovasz", 0.0), args.seed
    )
    row = {
        "finished": f"quantization-aware, {args.steps} batches of {args.batch_size} from {args.learning_rate:g}",
        "loss": loss,
        "seconds": time.perf_counter() - started,
        **validate(wrapped, cache, size, torch.device("cpu")),
    }
    scores = "  ".join(f"{name} {row[name]:.4f}" for name in ("binary", "trimap", "species", "scenes"))
    print(f"loss {loss:.4f}, {row['seconds']:.0f} s; with fake quantizers on validation: {scores}")
    save_weights(wrapped, model, row, path)
    print(f"wrote {path}; next: python -m train export --run {args.run} --model NEW --size {size}")


def put_quantizers(
    network: nn.Module, calibration: list[HashedSample], size: int, args: argparse.Namespace
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
                preset=nncf.QuantizationPreset(args.preset),
                subset_size=len(calibration),
                model_type=nncf.ModelType.TRANSFORMER if args.model_type == "transformer" else None,
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
