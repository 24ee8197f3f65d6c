"""OpenVINO on the CPU: one compiled model, a pool of infer requests, outputs copied before a request is reused."""

import queue
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import numpy as np
import openvino as ov

from engine.backends.base import BackendInfo, BackendOptions
from engine.errors import InferenceError
from engine.machine import usable_cores
from engine.spec import ModelSpec

# Without the precision hint, a CPU with bfloat16 arithmetic runs the FP32 model in bfloat16.
COMPILE_OPTIONS = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
POOL_SIZE = 4
# Layers that do nearly all of the arithmetic; the precision of the others (reshapes, copies) says little.
_ARITHMETIC = {"Convolution", "Deconvolution", "MatMul", "FullyConnected"}


class FirstCall:
    """Lets the first call of the process run alone, and all others together once it is through.

    OpenVINO's Python binding fills a C++ static in its first inference, during which it gives Python's lock away: two
    threads that infer for the first time at once wait for each other for ever (seen with 2026.4.1).
    """

    def __init__(self) -> None:
        self._alone = threading.Lock()
        self._is_through = False

    def turn(self) -> AbstractContextManager:
        """To be held during a call."""
        return nullcontext() if self._is_through else self._first()

    @contextmanager
    def _first(self) -> Iterator[None]:
        with self._alone:
            yield
        self._is_through = True


_FIRST_CALL = FirstCall()


class OpenVINOBackend:
    """Runs a batch in parts of the size that it was compiled for, so that the compiled shape stays static."""

    def __init__(self, compiled: ov.CompiledModel, pool_size: int = POOL_SIZE) -> None:
        self._compiled = compiled
        self._batch = compiled.input(0).shape[0]
        self._requests: queue.SimpleQueue[ov.InferRequest] = queue.SimpleQueue()
        for _ in range(pool_size):
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
            with _FIRST_CALL.turn(), self._request() as request:
                starts = range(0, len(batch), self._batch)
                logits = [self._infer_part(request, batch[start : start + self._batch]) for start in starts]
        except Exception as exc:
            raise InferenceError(f"OpenVINO failed on a batch {batch.shape} ({exc}).") from exc
        return logits[0] if len(logits) == 1 else np.concatenate(logits)

    def _infer_part(self, request: ov.InferRequest, part: np.ndarray) -> np.ndarray:
        missing = self._batch - len(part)
        padded = np.pad(part, ((0, missing), (0, 0), (0, 0), (0, 0))) if missing else part
        shared = request.infer([padded], share_inputs=True, share_outputs=True)[0]
        return shared[: len(part)].copy()  # the request writes its next answer to the same place

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
    counts: Counter[str] = Counter()
    for node in compiled.get_runtime_model().get_ops():
        if node.get_rt_info()["layerType"].astype(str) in _ARITHMETIC:
            counts[precision_of(node)] += 1
    (name, count), *others = counts.most_common()
    if not others:
        return name
    return f"{name} ({count} of {counts.total()} convolutions), {', '.join(other for other, _ in others)}"


def precision_of(node: ov.Node) -> str:
    """What a node of the runtime model computes in, for a reader."""
    info = node.get_rt_info()
    return precision_name(info["runtimePrecision"].astype(str), info["primitiveType"].astype(str))


def precision_name(runtime_precision: str, primitive: str) -> str:
    """A precision of the runtime model for a reader: "u8" is "INT8".

    Where weights are stored in 16 bits, the precision is said to be theirs, "f16", also where they are widened before
    the arithmetic; the primitive's name, such as "brgconv_avx512_1x1_f32", tells.
    """
    if primitive.endswith("_f32"):
        runtime_precision = "f32"
    names = {"u8": "INT8", "i8": "INT8", "f32": "FP32", "bf16": "BF16", "f16": "FP16"}
    return names.get(runtime_precision, runtime_precision)


def load(path: Path, spec: ModelSpec) -> ov.Model:
    return ov.Core().read_model(path)


def prepare(loaded: ov.Model, spec: ModelSpec, options: BackendOptions) -> OpenVINOBackend:
    loaded.reshape([options.batch, *spec.size_hw, 3])
    compiled = ov.Core().compile_model(loaded, "CPU", COMPILE_OPTIONS | parallelism(options))
    return OpenVINOBackend(compiled, max(POOL_SIZE, options.requests))


def parallelism(options: BackendOptions) -> dict[str, object]:
    """The compile options that give each request its own stream and threads; more requests than that wait in line."""
    if options.threads is None and options.requests == 1:
        return {}
    threads = options.threads or 1
    streams = min(options.requests, max(1, usable_cores() // threads))
    return {"NUM_STREAMS": streams, "INFERENCE_NUM_THREADS": streams * threads}
