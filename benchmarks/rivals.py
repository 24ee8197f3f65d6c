"""The engine beside what Intel ships for the same IR: `python benchmarks/rivals.py`.

nn.Module: the network as it was trained, called by hand, against the backend `torch`.

benchmark_app (part of OpenVINO's package) runs the network alone on random pictures: its throughput against that of the
engine's backend, callers and batch the same, once with one caller that waits and once with a stream of requests.

ModelAPI (`openvino-model-api`, which opens the IR by its `model_info`) goes from a decoded picture to a mask, as
`Segmenter` does: its latency against the engine's, in turn, and how far their masks agree. It is no dependency of the
project and is left out where it is not installed; `make numbers` installs it into a folder of its own.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from engine.backends import BACKENDS, BackendOptions, open_backend  # noqa: E402
from engine.files import write_aside  # noqa: E402
from engine.images import read_picture  # noqa: E402
from engine.latency import compare, tails  # noqa: E402
from engine.machine import describe_machine, machine_in_words, usable_cores  # noqa: E402
from engine.segmenter import DEFAULT_BACKEND, DEFAULT_MODEL, Segmenter  # noqa: E402
from engine.spec import Model  # noqa: E402
from engine.sweep import measure_point  # noqa: E402

ROUNDS = 5  # of benchmark_app and the engine in turn
PHOTO = ROOT / "demo" / "examples" / "cat.jpg"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--backend", default=DEFAULT_BACKEND, help="one of OpenVINO")
    parser.add_argument("--seconds", type=int, default=5, help="of each run of benchmark_app and of the engine")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()

    model = Model.open(args.model)
    result: dict = {"machine": describe_machine(), "backend": args.backend, "benchmark_app": {}}
    print(machine_in_words(result["machine"]))
    cores = usable_cores()
    for mode, options in {"synchronous": BackendOptions(cores, 1), "stream": BackendOptions(1, 2 * cores)}.items():
        entry = against_benchmark_app(model, args.backend, options, args.seconds)
        result["benchmark_app"][mode] = entry
        print(
            f"{mode}: benchmark_app {entry['benchmark_app_fps']:.1f} pictures/s, engine {entry['engine_fps']:.1f}: "
            f"the engine's own cost is {entry['cost']:.1%} (rounds: {', '.join(f'{x:.1%}' for x in entry['costs'])})"
        )
    result["module"] = against_module(model)
    low, high = result["module"]["ratio"]["ci95"]
    print(
        f"nn.Module {result['module']['module_ms']['median']:.2f} ms, the torch backend "
        f"{result['module']['backend_ms']['median']:.2f} ms: {result['module']['ratio']['median']:.2f}x "
        f"[{low:.2f}, {high:.2f}] {result['module']['ratio']['verdict']}"
    )
    try:
        from model_api.models import SegmentationModel
    except ImportError:
        print("ModelAPI is not installed; left out")
    else:
        result["model_api"] = against_model_api(model, args.backend, SegmentationModel)
        entry = result["model_api"]
        low, high = entry["ratio"]["ci95"]
        print(
            f"ModelAPI {entry['model_api_ms']['median']:.2f} ms, engine {entry['engine_ms']['median']:.2f} ms from "
            f"decoded picture to mask: {entry['ratio']['median']:.2f}x [{low:.2f}, {high:.2f}] "
            f"{entry['ratio']['verdict']}; {entry['agreement']:.2%} of the pixels agree on pet or not"
        )
    if args.json:
        with write_aside(args.json) as partial:
            partial.write_text(json.dumps(result, indent=2) + "\n")


def against_benchmark_app(model: Model, name: str, options: BackendOptions, seconds: int) -> dict:
    """Throughput of both, in turn; the cost is what the engine loses against benchmark_app, the median of rounds."""
    ir = model.artefact(BACKENDS[name][1])
    height, width = model.spec.size_hw
    streams = min(options.requests, max(1, usable_cores() // (options.threads or 1)))
    command = [
        shutil.which("benchmark_app", path=str(Path(sys.executable).parent)) or "benchmark_app",
        "-m", str(ir), "-d", "CPU", "-t", str(seconds), "-shape", f"[1,{height},{width},3]",
        "-hint", "none", "-infer_precision", "f32", "-api", "sync" if options.requests == 1 else "async",
        "-nireq", str(options.requests), "-nstreams", str(streams), "-nthreads", str(streams * (options.threads or 1)),
    ]  # fmt: skip
    backend = open_backend(name, model, options)
    theirs, ours = [], []
    for _ in range(ROUNDS):
        theirs.append(throughput_of(command))
        ours.append(measure_point(backend, model.spec.size_hw, options, seconds)["throughput_fps"])
    costs = [1 - our / their for our, their in zip(ours, theirs, strict=True)]
    return {
        "requests": options.requests,
        "threads": options.threads,
        "benchmark_app_fps": float(np.median(theirs)),
        "engine_fps": float(np.median(ours)),
        "cost": float(np.median(costs)),
        "costs": costs,
    }


def throughput_of(command: list[str]) -> float:
    """What benchmark_app prints as its throughput, pictures a second."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    found = re.search(r"Throughput:\s+([\d.]+) FPS", done.stdout)
    if not found:
        raise SystemExit(f"benchmark_app did not measure: {(done.stdout + done.stderr)[-600:]}")
    return float(found[1])


def against_module(model: Model) -> dict:
    """Latency of the network alone: the `torch` backend and the `nn.Module` that was trained, called by hand."""
    import torch

    from train.compression.finishing import load_network

    module = load_network(model)
    backend = open_backend("torch", model)
    batch = np.random.default_rng(0).integers(0, 256, (1, *model.spec.size_hw, 3), dtype=np.uint8)

    def by_hand() -> np.ndarray:
        with torch.inference_mode():
            return module(torch.from_numpy(batch)).numpy()

    samples = in_turn({"module": by_hand, "backend": lambda: backend.infer(batch)})
    return {
        "module_ms": tails(samples["module"][:, 0]),
        "backend_ms": tails(samples["backend"][:, 0]),
        "ratio": compare(samples["module"], samples["backend"]),
    }


def against_model_api(model: Model, name: str, segmentation_model: Any) -> dict:
    """Latency from a decoded picture to a mask and the agreement of the masks.

    ModelAPI in its best case: without the soft prediction, which it returns besides unless told not to.
    """
    wrapped = segmentation_model.create_model(
        str(model.artefact(BACKENDS[name][1])), configuration={"return_soft_prediction": False}, device="CPU",
        max_num_requests=1, preload=True,
    )  # fmt: skip
    segmenter = Segmenter.open(model.folder, name)
    picture = read_picture(PHOTO)
    rivals: dict[str, Callable[[], np.ndarray]] = {
        "model_api": lambda: wrapped(picture.image),
        "engine": lambda: segmenter.segment(picture).mask,
    }
    samples = in_turn(rivals)
    theirs, ours = (rivals[rival]() for rival in rivals)
    return {
        "picture_hw": list(picture.size_hw),
        "model_api_ms": tails(samples["model_api"][:, 0]),
        "engine_ms": tails(samples["engine"][:, 0]),
        "ratio": compare(samples["model_api"], samples["engine"]),
        "agreement": float(np.mean((theirs > 0) == (ours > 0))),
    }


def in_turn(calls: Mapping[str, Callable[[], object]], rounds: int = 150) -> dict[str, np.ndarray]:
    """Milliseconds of each call, float64 (rounds, 1): in random order within each round, an untimed call before."""
    rng = np.random.default_rng(0)
    samples: dict[str, list[list[float]]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name in rng.permutation(list(calls)):
            calls[name]()
            started = time.perf_counter()
            calls[name]()
            samples[name].append([(time.perf_counter() - started) * 1e3])
    return {name: np.array(rows) for name, rows in samples.items()}


if __name__ == "__main__":
    main()
