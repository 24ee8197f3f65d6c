"""onnxruntime on the CPU: what the ONNX file gives outside OpenVINO and PyTorch."""

import os
from pathlib import Path

import numpy as np
import onnxruntime

from engine.backends.base import BackendInfo
from engine.errors import InferenceError
from engine.spec import ModelSpec


class OnnxRuntimeBackend:
    """A session may be run by several threads at once."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self._input = session.get_inputs()[0].name

    def infer(self, batch: np.ndarray) -> np.ndarray:
        try:
            return self._session.run(None, {self._input: batch})[0]
        except Exception as exc:
            raise InferenceError(f"onnxruntime failed on a batch {batch.shape} ({exc}).") from exc

    def describe(self) -> BackendInfo:
        return BackendInfo("onnxruntime", onnxruntime.__version__, "CPU", "FP32", os.cpu_count() or 1)


def open_backend(path: Path, spec: ModelSpec) -> OnnxRuntimeBackend:
    return OnnxRuntimeBackend(onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]))
