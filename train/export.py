"""Writes the artefacts of trained weights, each proved equal to the network that was trained.

    python -m train export --run runs/fastsegnet --model models/fastsegnet

    torch.pt2            torch.export's program, for the backends torch and torchscript
    model.onnx           for onnxruntime and the rest of the world
    openvino-fp32.xml    OpenVINO IR, with the `model_info` that Intel's ModelAPI reads

Every artefact maps `batch` uint8 (N, H, W, 3) RGB to `logits` float32 (N, num_classes, H, W). They are written to a
folder aside, opened by the engine's own backends, compared with the eager network, and only then put in place.
"""

import argparse
import logging
import platform
import subprocess
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import openvino as ov
import torch

from engine.backends import open_backend
from engine.command import Outcome, command_line
from engine.errors import InferenceError, InputError
from engine.files import Outputs, failures_named
from engine.spec import FILE_NAME, ArtefactSpec, ClassSpec, Model, ModelSpec, sha256_of
from train import checkpoint, networks
from train.half import store_in_half
from train.profile import multiply_adds
from train.recipe import RUN
from train.revision import STEPS

MODEL = Path("models/fastsegnet")
MAX_DIFFERENCE = 1e-3  # of a logit, between an artefact and the eager network
PROOF_BATCHES = ((1, 0), (2, 1), (1, 2))  # (pictures, seed) of the drawn batches compared
CLASSES = [
    ClassSpec("background", "#000000", "background"),
    ClassSpec("cat", "#E69F00", "object"),  # the colours of Okabe and Ito, safe for the colour-blind
    ClassSpec("dog", "#0072B2", "object"),
    ClassSpec("border", "#999999", "border"),
]
# Backend that proves an artefact, and its file.
PROVED_BY = {"torch.pt2": "torch", "model.onnx": "onnxruntime", "openvino-fp32.xml": "openvino-fp32"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--run", type=Path, help="folder with weights.pt")
    parser.add_argument("--model", type=Path, help="folder to write")
    parser.add_argument("--size", type=int, help="side of the model's input, px (as trained)")
    parser.add_argument(
        "--half", action="store_true", help="store weights in 16 bits; every runtime still computes in float32"
    )
    parser.add_argument("--model-version", help="version of the weights")


def run(
    *,
    run: Path = RUN,
    model: Path = MODEL,
    size: int | None = None,
    half: bool = False,
    model_version: str = "1.0.0",
    outputs: Outputs | None = None,
) -> Outcome:
    """Writes the artefacts of a run's weights; an INT8 of the weights before goes with them.

    Args:
        run: folder with weights.pt.
        model: folder to write; with a model in it, only by force.
        size: side of the model's input, px; None as trained.
        half: stores weights in 16 bits.
        model_version: of the weights.
        outputs: keeps what is there.

    Returns:
        "model", and "artefacts": by name "size_mb" and "max_difference" of a logit from the eager network.

    Raises:
        InputError: there are no weights, the size cannot be used, or a model is there already.
        InferenceError: an artefact differs from the network; nothing was written.
    """
    outputs = outputs or Outputs()
    outputs.check(model / FILE_NAME)
    weights = checkpoint.load(run / "weights.pt")
    network = load_network(weights)
    if half:
        store_in_half(network)
    command = command_line("train export", run=run, model=model, size=size, half=half)
    size = size or weights["settings"]["size"]
    if size % 32 or size <= 0:
        raise InputError(f"--size is {size}; expected a multiple of 32, such as 256.")
    batch = torch.zeros((2, size, size, 3), dtype=torch.uint8)
    program = torch.export.export(network, (batch,), dynamic_shapes=({0: torch.export.Dim("n", min=1, max=64)},))
    forget_sources(program)

    writers: dict[str, Callable[[Path], None]] = {
        "torch.pt2": lambda path: write_torch(program, path),
        "model.onnx": lambda path: write_onnx(program, path),
        "openvino-fp32.xml": lambda path: write_openvino(program, size, path),
    }
    model.mkdir(parents=True, exist_ok=True)
    differences = {}
    with tempfile.TemporaryDirectory(dir=model, prefix=".export-") as folder_name:
        folder = Path(folder_name)
        artefacts = {}
        for name, write in writers.items():
            with failures_named(model / name, folder / name):
                write(folder / name)
            artefacts[name] = describe_artefact(folder / name, command)
        spec = make_spec(model.name, model_version, network, weights, size, artefacts)
        for name in writers:
            differences[name] = prove(Model(folder, spec), name, network)
            print(
                f"{name:<18} {artefacts[name].size_mb:5.2f} MB  largest difference from eager {differences[name]:.1e}"
            )
        for path in folder.iterdir():
            path.replace(model / path.name)
    spec.save(model)
    for stale in model.glob("openvino-int8.*"):
        stale.unlink()
    print(f"wrote {model}; next: python -m train quantize --model {model} --data ROOT")
    told = {name: {"size_mb": each.size_mb, "max_difference": differences[name]} for name, each in artefacts.items()}
    return Outcome({"model": str(model), "artefacts": told})


def load_network(weights: dict) -> torch.nn.Module:
    """The trained network in evaluation mode."""
    network = networks.build(weights["settings"]["network"], **weights["options"])
    network.load_state_dict(weights["state_dict"])
    return network.eval().requires_grad_(False)


def forget_sources(program: torch.export.ExportedProgram) -> None:
    """Drops where each node came from: an artefact has no business with the paths of the machine that wrote it."""
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)


def write_torch(program: torch.export.ExportedProgram, path: Path) -> None:
    """Saves the program; everything but the weights is compressed, which torch reads as it is."""
    plain = path.with_suffix(".plain.pt2")
    torch.export.save(program, plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(path, "w") as packed:
        for entry in source.infolist():
            is_weight = "/data/weights/" in entry.filename and not entry.filename.endswith(".json")
            packed.writestr(
                entry.filename, source.read(entry), zipfile.ZIP_STORED if is_weight else zipfile.ZIP_DEFLATED
            )
    plain.unlink()


def write_onnx(program: torch.export.ExportedProgram, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        onnx_program = torch.onnx.export(
            program, input_names=["batch"], output_names=["logits"], dynamo=True, external_data=False, verbose=False
        )
        assert onnx_program is not None  # it is None only where a path is given
        for node in onnx_program.model.graph:
            node.metadata_props.clear()
        onnx_program.save(path, external_data=False)


def write_openvino(program: torch.export.ExportedProgram, size: int, path: Path) -> None:
    model = ov.convert_model(program)
    model.reshape([-1, size, size, 3])
    model.inputs[0].set_names({"batch"})
    model.outputs[0].set_names({"logits"})
    model.get_parameters()[0].set_layout(ov.Layout("NHWC"))
    for key, value in MODEL_INFO.items():
        model.set_rt_info(value, ["model_info", key])
    ov.save_model(model, path, compress_to_fp16=False)


# What Intel's ModelAPI needs to open the IR by itself.
MODEL_INFO = {
    "model_type": "Segmentation",
    "labels": " ".join(c.name for c in CLASSES),
    "resize_type": "standard",
    "reverse_input_channels": "False",
    "soft_threshold": "0.5",
    "blur_strength": "-1",
}


def describe_artefact(path: Path, command: str) -> ArtefactSpec:
    """Hashes and size of an artefact; an IR is a pair of files."""
    files = [path] + ([path.with_suffix(".bin")] if path.suffix == ".xml" else [])
    size_mb = round(sum(file.stat().st_size for file in files) / 1e6, 3)
    return ArtefactSpec({file.name: sha256_of(file) for file in files}, size_mb, command)


def prove(model: Model, artefact: str, network: torch.nn.Module) -> float:
    """The largest difference of a logit between an artefact and the eager network, on drawn pictures.

    Raises:
        InferenceError: it is more than `MAX_DIFFERENCE`.
    """
    backend = open_backend(PROVED_BY[artefact], model)
    largest = 0.0
    for count, seed in PROOF_BATCHES:
        batch = np.random.default_rng(seed).integers(0, 256, (count, *model.spec.size_hw, 3), dtype=np.uint8)
        with torch.inference_mode():
            expected = network(torch.from_numpy(batch)).numpy()
        largest = float(np.maximum(largest, np.abs(backend.infer(batch) - expected).max()))
    if not largest <= MAX_DIFFERENCE:  # NaN is no agreement
        raise InferenceError(
            f"{artefact} differs from the eager network by {largest:.2e} (at most {MAX_DIFFERENCE:g} expected); "
            "nothing was written. Check the versions of the pinned packages."
        )
    return largest


def make_spec(
    name: str,
    model_version: str,
    network: torch.nn.Module,
    weights: dict,
    size: int,
    artefacts: dict[str, ArtefactSpec],
) -> ModelSpec:
    """What model.json says."""
    settings = dict(weights["settings"])
    for option in ("encoder_weights", "initial_weights", "teacher"):
        settings[option] = ",".join(public_name(part) for part in settings.get(option, "none").split(","))
    packages = ("torch", "torchvision", "openvino", "nncf", "onnx", "onnxruntime")
    return ModelSpec(
        name=name,
        version=model_version,
        network={
            "architecture": settings["network"],
            "parameters": sum(p.numel() for p in network.parameters()),
            "gmacs": round(multiply_adds(network, size) / 1e9, 3),
            **weights["options"],
        },
        classes=CLASSES,
        size_hw=(size, size),
        resize="stretch",
        artefacts=artefacts,
        training={
            "dataset": "Oxford-IIIT Pet (Parkhi, Vedaldi, Zisserman, Jawahar, CVPR 2012), CC BY-SA 4.0",
            "split": "Trainval less one picture in twenty, by sha256, for validation",
            "settings": settings,
            "validation": weights["history"][-1],
            **epoch_kept(weights),
            **{step: weights[step] for step in STEPS if step in weights},
        },
        versions={"python": platform.python_version(), **{p: version(p) for p in packages}},
        commit=current_commit(),
        licence="MIT (code and weights); the training pictures are CC BY-SA 4.0",
    )


def epoch_kept(weights: dict) -> dict[str, int]:
    """`epoch`, the number of the one that the weights are of, where it is not the last; from 1."""
    number = max((row.get("epoch", 0) for row in weights["history"]), default=0)
    return {"epoch": number} if 0 < number < weights["settings"]["epochs"] else {}


def public_name(source: str) -> str:
    """What the card calls a file: its name, since where it lay is nobody's business; a run of ours as commands do."""
    path = Path(source)
    return path.as_posix() if path.parts[:1] == ("runs",) else path.name


def current_commit() -> str:
    """The commit of the code, or "unknown" outside a checkout."""
    root = Path(__file__).resolve().parent.parent
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()
