"""The runtimes, one file each; a runtime is imported when a backend of it is opened, not before."""

from importlib import import_module

from engine.backends.base import Backend, BackendInfo
from engine.errors import ArtefactError, BackendUnavailableError, EngineError, unknown_name
from engine.spec import Model

__all__ = ["BACKENDS", "Backend", "BackendInfo", "open_backend"]

# Name -> (module with `open_backend(path, spec)`, artefact).
BACKENDS: dict[str, tuple[str, str]] = {
    "torch": ("engine.backends.torch_eager", "torch.pt2"),
    "torchscript": ("engine.backends.torchscript", "torch.pt2"),
    "openvino-fp32": ("engine.backends.openvino", "openvino-fp32.xml"),
    "openvino-int8": ("engine.backends.openvino", "openvino-int8.xml"),
    "onnxruntime": ("engine.backends.onnxruntime", "model.onnx"),
}


def open_backend(name: str, model: Model) -> Backend:
    """Loads and compiles a model's artefact for a runtime.

    Raises:
        InputError: there is no backend of that name.
        ArtefactError: the artefact is missing, changed, or the runtime cannot read it.
        BackendUnavailableError: the runtime is not installed.
    """
    if name not in BACKENDS:
        raise unknown_name("backend", name, BACKENDS)
    module_name, artefact = BACKENDS[name]
    path = model.artefact(artefact)
    try:
        module = import_module(module_name)
    except ImportError as exc:
        raise BackendUnavailableError(f"The backend {name} needs a package that is missing ({exc}).") from exc
    try:
        return module.open_backend(path, model.spec)
    except EngineError:
        raise
    except Exception as exc:  # each runtime has error types of its own
        command = model.spec.artefacts[artefact].command
        raise ArtefactError(f"The backend {name} cannot read {path} ({exc}). Make it with `{command}`.") from exc
