"""OpenVINO on the CPU: one compiled model, a pool of infer requests, outputs copied before a request is reused."""

import queue
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import openvino as ov

from engine.backends.base import BackendInfo
from engine.errors import InferenceError
from engine.spec import ModelSpec

# Without the precision hint, a CPU with bfloat16 arithmetic runs the FP32 model in bfloat16.
COMPILE_OPTIONS = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
POOL_SIZE = 4
# Layers that do nearly all of the arithmetic; the precision of the others (reshapes, copies) says little.
_ARITHMETIC = {"Convolution", "Deconvolution", "MatMul", "FullyConnected"}


class OpenVINOBackend:
    """Answers each picture of a batch by a request of its own, so that the compiled shape stays static."""

    def __init__(self, compiled: ov.CompiledModel) -> None:
        self._compiled = compiled
        self._requests: queue.SimpleQueue[ov.InferRequest] = queue.SimpleQueue()
        for _ in range(POOL_SIZE):
            self._requests.put(compiled.create_infer_request())

    @contextmanager
    def _request(self) -> Iterator[ov.InferRequest]:
        request = self._requests.get()
        try:
            yield request
        finally:
            self._requests.put(request)

    def infer(self, batch: np.ndarray) -> np.ndarray:
        try:
            with self._request() as request:
                logits = [self._infer_one(request, image[None]) for image in batch]
        except Exception as exc:
            raise InferenceError(f"OpenVINO failed on a batch {batch.shape} ({exc}).") from exc
        return logits[0] if len(logits) == 1 else np.concatenate(logits)

    @staticmethod
    def _infer_one(request: ov.InferRequest, batch: np.ndarray) -> np.ndarray:
        shared = request.infer([batch], share_inputs=True, share_outputs=True)[0]
        return shared.copy()  # the request writes its next answer to the same place

    def describe(self) -> BackendInfo:
        return BackendInfo(
            runtime="OpenVINO",
            version=ov.__version__.split("-")[0],
            device=self._compiled.get_property("EXECUTION_DEVICES")[0],
            precision=executed_precision(self._compiled),
            threads=int(self._compiled.get_property("INFERENCE_NUM_THREADS")),
        )


def executed_precision(compiled: ov.CompiledModel) -> str:
    """What the convolutions really execute in, the most frequent first: "INT8 (62 of 64 convolutions), FP32"."""
    names = {"u8": "INT8", "i8": "INT8", "f32": "FP32", "bf16": "BF16", "f16": "FP16"}
    counts: Counter[str] = Counter()
    for node in compiled.get_runtime_model().get_ops():
        info = node.get_rt_info()
        if info["layerType"].astype(str) in _ARITHMETIC:
            precision = info["runtimePrecision"].astype(str)
            counts[names.get(precision, precision)] += 1
    (name, count), *others = counts.most_common()
    if not others:
        return name
    return f"{name} ({count} of {counts.total()} convolutions), {', '.join(other for other, _ in others)}"


def open_backend(path: Path, spec: ModelSpec) -> OpenVINOBackend:
    core = ov.Core()
    model = core.read_model(path)
    model.reshape([1, *spec.size_hw, 3])
    return OpenVINOBackend(core.compile_model(model, "CPU", COMPILE_OPTIONS))
