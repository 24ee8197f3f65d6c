"""How a backend looks everywhere on the page: its name for a reader and its colour."""

from collections.abc import Mapping

# Backend -> (name, colour). After Okabe and Ito, told apart on a light and on a dark ground; none means a class.
LOOKS: Mapping[str, tuple[str, str]] = {
    "torch": ("PyTorch", "#CC79A7"),
    "torchscript": ("TorchScript", "#A68A00"),
    "torch-compile": ("torch.compile", "#8F6FD6"),
    "torch-bf16": ("PyTorch BF16", "#C2417F"),
    "onnxruntime": ("ONNX Runtime", "#7A869A"),
    "openvino-fp32": ("OpenVINO FP32", "#56B4E9"),
    "openvino-int8": ("OpenVINO INT8", "#009E73"),
}


def label(backend: str) -> str:
    """A backend's name for a reader."""
    return LOOKS[backend][0]


def color(backend: str) -> str:
    """A backend's colour, "#RRGGBB"."""
    return LOOKS[backend][1]
