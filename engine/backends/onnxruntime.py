"""onnxruntime on the CPU: what the ONNX file gives outside OpenVINO and PyTorch."""

from pathlib import Path

import numpy as np
import onnxruntime

from engine.backends.base import BackendInfo, BackendOptions
from engine.errors import InferenceError
from engine.machine import usable_cores
from engine.spec import ModelSpec


class OnnxRuntimeBackend:
    """A session may be run by several threads at once."""

    def __init__(self, session: onnxruntime.InferenceSession, threads: int) -> None:
        self._session = session
        self._threads = threads
        self._input = session.get_inputs()[0].name

    def infer(self, batch: np.ndarray) -> np.ndarray:
        try:
            return self._session.run(None, {self._input: batch})[0]
        except Exception as exc:
            raise InferenceError(f"onnxruntime failed on a batch {batch.shape} ({exc}).") from exc

    def describe(self) -> BackendInfo:
        return BackendInfo("onnxruntime", onnxruntime.__version__, "CPU", "FP32", self._threads)


def load(path: Path, spec: ModelSpec) -> bytes:
    return path.read_bytes()


def prepare(loaded: bytes, spec: ModelSpec, options: BackendOptions) -> OnnxRuntimeBackend:
    settings = onnxruntime.SessionOptions()
    threads = options.threads or usable_cores()
    settings.intra_op_num_threads = threads
    return OnnxRuntimeBackend(
        onnxruntime.InferenceSession(loaded, settings, providers=["CPUExecutionProvider"]), threads
    )
