"""Takes the options of `python -m engine benchmark` and `sweep` and answers at once with made-up numbers.

With --seconds 60 it works until it is interrupted; with --model broken it refuses, with --model dead it dies.
"""

import argparse
import json
import signal
import sys
import time
from pathlib import Path

import numpy as np

from engine.latency import compare_all, summarise, tails

ARTEFACTS = {"torch": ("torch.pt2", 9.6), "onnxruntime": ("model.onnx", 9.4)}
MEDIANS_MS = {
    "torch": 24.7,
    "torchscript": 19.4,
    "torch-compile": 13.8,
    "torch-bf16": 17.0,
    "onnxruntime": 10.9,
    "openvino-fp32": 9.3,
    "openvino-int8": 5.2,
}
UNTIL_INTERRUPTED = 60


def samples_of(backend: str, rounds: int = 60) -> np.ndarray:
    rng = np.random.default_rng(len(backend))
    infer = (MEDIANS_MS[backend] - 2.2) * rng.lognormal(0, 0.06, rounds)
    return np.stack([rng.normal(1.4, 0.05, rounds), infer, rng.normal(0.8, 0.03, rounds)], axis=1)


def benchmark(args: argparse.Namespace, cancelled: bool) -> dict:
    unavailable = {"torch-bf16": "This CPU has no BF16: the backend torch-bf16 would be slower than torch."}
    names = [name for name in args.backends.split(",") if name not in unavailable]
    samples = {name: samples_of(name) for name in names}
    entries = {}
    for name in names:
        artefact, size_mb = ARTEFACTS.get(name, (f"{name}.xml", 3.0 if "int8" in name else 9.6))
        if name.startswith("torch"):
            artefact, size_mb = ARTEFACTS["torch"]
        entries[name] = {
            "runtime": "Fake", "version": "1.0", "precision": "INT8" if "int8" in name else "FP32", "threads": 2,
            "artefact": artefact, "artefact_mb": size_mb, **summarise(samples[name]),
            "encoded_ms": tails(samples[name].sum(axis=1) + 1.1), "network_ms": tails(samples[name][:, 1]),
            "samples_ms": samples[name].round(4).tolist(),
        }  # fmt: skip
        if args.startup:
            entries[name]["startup"] = {
                "import_ms": 1210.0, "load_ms": 41.0, "compile_ms": 180.0, "first_inference_ms": 31.0,
                "resident_mb": 412.0, "peak_mb": 455.0,
            }  # fmt: skip
    result = {
        "command": f"python -m engine benchmark --backends {args.backends} --seconds {args.seconds:g}"
        + (f" --photo {args.photo}" if args.photo else ""),
        "model": {"name": "fastsegnet", "version": "1.1.0", "size_hw": [320, 320], "parameters": 2_359_000,
                  "gmacs": 1.14},
        "picture": {"source": Path(args.photo).name if args.photo else "drawn", "size_hw": [300, 451], "photos": 1},
        "machine": {"cpu": "AMD EPYC", "instruction_sets": ["AVX2"], "cores": 2, "allocator": "glibc malloc",
                    "other_load": 0.03, "load_1min": 0.2, "system": "Linux", "python": "3.11", "versions": {}},
        "seconds": args.seconds, "rounds": 60, "cancelled": cancelled, "read_ms": 1.1,
        "backends": entries, "ratios": compare_all(samples),
        "unavailable": {name: why for name, why in unavailable.items() if name in args.backends.split(",")},
        "failed": {},
        "advice": [{"rule": "no_vnni", "text": "This CPU has no VNNI: expect 1.3x to 2.4x from INT8, not 4x."}],
    }  # fmt: skip
    profiled = [name for name in names if name.startswith("openvino")]
    if args.layers and profiled:
        result["layers"] = layers(profiled)
    if args.roofline:
        result["roofline"] = {
            "fp32_gflops": 200.1, "int8_gops": 480.0, "bandwidth_gbs": 21.0,
            "backends": {
                name: {"network_ms": 20.0, "achieved_gops": 107.0, "peak_gops": 200.1, "share_of_peak": 0.535,
                       "least_ms": 11.3}
                for name in names
            },
        }  # fmt: skip
    return result


def layers(profiled: list[str]) -> dict:
    entry = {"total_ms": 4.2, "int8_share": 0.71, "precision_changes": 5, "by_type": []}
    rows = [
        {"name": f"layer{i}", "what": f"3x3 convolution, {88 - i} to 48 channels, 80 x 80",
         "ms": {name: 2.1 / (i + 1) / (1 + 2 * name.endswith("int8")) for name in profiled},
         "precision": {name: "INT8" if name.endswith("int8") else "FP32" for name in profiled}}
        for i in range(10)
    ]  # fmt: skip
    return {"backends": dict.fromkeys(profiled, entry), "dearest": rows}


def sweep(args: argparse.Namespace, cancelled: bool) -> dict:
    points = [
        {"mode": "synchronous" if requests == 1 else "stream", "requests": requests, "threads": threads,
         "batch": batch, "latency_ms": {"median": 0.95 * p90, "p90": p90}, "throughput_fps": fps}
        for requests, threads, batch, p90, fps in [
            (1, 1, 1, 6.1, 170.0), (1, 2, 1, 4.4, 240.0), (1, 2, 4, 15.2, 270.0), (2, 1, 1, 7.9, 262.0),
            (2, 1, 2, 15.0, 275.0), (2, 1, 4, 29.0, 281.0), (4, 1, 1, 16.8, 266.0), (4, 1, 4, 61.0, 284.0),
        ]
    ]  # fmt: skip
    return {
        "command": f"python -m engine sweep --backend {args.backend} --seconds {args.seconds:g}",
        "backend": args.backend, "cancelled": cancelled, "points": points, "max_latency_ms": None,
        "sweet_spot": points[-1],
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["benchmark", "sweep"])
    for option in ("model", "backends", "backend", "photo", "torch-allocator", "progress"):
        parser.add_argument(f"--{option}")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--json", type=Path)
    for flag in ("startup", "layers", "roofline"):
        parser.add_argument(f"--{flag}", action="store_true")
    args = parser.parse_args()
    if args.model == "broken":
        print("a warning first\nerror: There is no model 'broken'. Known: fastsegnet.", file=sys.stderr)
        return 2
    if args.model == "dead":
        print("Illegal instruction", file=sys.stderr)
        return 132
    cancelled = False
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        print("a library says something", file=sys.stderr, flush=True)
        step, count = 0, 8
        while step < count or args.seconds >= UNTIL_INTERRUPTED:
            share = min(step, count - 1) / count
            said = {"done": share, "total": 1, "what": "timing the backends", "left_s": 4 * (1 - share)}
            print(json.dumps(said), file=sys.stderr, flush=True)
            time.sleep(0.03)
            step += 1
    except KeyboardInterrupt:
        cancelled = True
    result = {"benchmark": benchmark, "sweep": sweep}[args.command](args, cancelled)
    args.json.write_text(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
