"""What it costs to start a backend: import, load, compile, first call, memory; each in a fresh process.

    python -m engine.startup MODEL_FOLDER BACKEND      prints JSON

In a process that has run for a while everything is imported and warm, and its memory is that of all backends together.
"""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from engine.backends import BACKENDS, DEFAULT_BACKEND_OPTIONS, import_runtime
from engine.errors import EngineError, InferenceError
from engine.spec import Model

TIMEOUT_SECONDS = 300


def measure_startup(model: Model, backend: str) -> dict[str, float]:
    """Starts a backend in a new process.

    Returns:
        import_ms, load_ms, compile_ms, first_inference_ms; resident_mb after the first call and peak_mb, both of the
        whole process.

    Raises:
        InferenceError: the process failed or took over five minutes.
    """
    # torch.compile keeps what it built on disk; a first start has nothing there.
    environment = {**os.environ, "TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1"}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "engine.startup", str(model.folder.resolve()), backend],
            capture_output=True, text=True, timeout=TIMEOUT_SECONDS, env=environment,
            cwd=Path(__file__).resolve().parent.parent, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise InferenceError(f"Starting {backend} took over {TIMEOUT_SECONDS} s and was stopped.") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        raise InferenceError(f"Starting {backend} in a new process failed ({last}).")
    return json.loads(done.stdout.splitlines()[-1])


def start(model: Model, backend: str) -> dict[str, float]:
    """Starts a backend in this process, as `measure_startup` returns it."""
    path = model.artefact(BACKENDS[backend][1])
    clock = [time.perf_counter()]
    runtime = import_runtime(backend)
    clock.append(time.perf_counter())
    loaded = runtime.load(path, model.spec)
    clock.append(time.perf_counter())
    prepared = runtime.prepare(loaded, model.spec, DEFAULT_BACKEND_OPTIONS)
    clock.append(time.perf_counter())
    prepared.infer(np.zeros((1, *model.spec.size_hw, 3), np.uint8))
    clock.append(time.perf_counter())
    names = ("import_ms", "load_ms", "compile_ms", "first_inference_ms")
    spent = dict(zip(names, (float(ms) for ms in np.diff(clock) * 1e3), strict=True))
    resident = resident_mb()
    # The kernel notes a peak a little late, so it may say less than what is resident now.
    return spent | {"resident_mb": resident, "peak_mb": max(resident, peak_mb())}


def resident_mb() -> float:
    """Memory of this process that is in RAM, MB; the peak where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return peak_mb()
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def peak_mb() -> float:
    """The most memory that this process had in RAM, MB.

    Linux counts into `ru_maxrss` what the process that started this one had, so its own mark is read where it is kept.
    """
    status = Path("/proc/self/status")
    for line in status.read_text().splitlines() if status.is_file() else ():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def main(argv: list[str]) -> int:
    folder, backend = argv
    try:
        print(json.dumps(start(Model.open(folder), backend)))
    except EngineError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
