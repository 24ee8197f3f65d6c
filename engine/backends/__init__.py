"""The runtimes, one file each; a runtime is imported when a backend of it is opened, not before.

A file of a runtime has two functions, which are timed apart:

    load(path, spec)               the artefact from disk, as the runtime reads it
    prepare(loaded, spec, options) compiled for this machine: a `Backend`
"""

from importlib import import_module
from types import ModuleType

from engine.backends.base import DEFAULT_BACKEND_OPTIONS, Backend, BackendInfo, BackendOptions
from engine.errors import ArtefactError, BackendUnavailableError, EngineError, unknown_name
from engine.spec import Model

__all__ = [
    "BACKENDS",
    "DEFAULT_BACKEND_OPTIONS",
    "FP32_BACKEND",
    "INT8_BACKEND",
    "PROFILED",
    "Backend",
    "BackendInfo",
    "BackendOptions",
    "import_runtime",
    "known",
    "open_backend",
]

# Name -> (module of the runtime, artefact).
BACKENDS: dict[str, tuple[str, str]] = {
    "torch": ("engine.backends.torch_eager", "torch.pt2"),
    "torch-compile": ("engine.backends.torch_compile", "torch.pt2"),
    "torch-bf16": ("engine.backends.torch_bf16", "torch.pt2"),
    "torchscript": ("engine.backends.torchscript", "torch.pt2"),
    "onnxruntime": ("engine.backends.onnxruntime", "model.onnx"),
    "openvino-fp32": ("engine.backends.openvino", "openvino-fp32.xml"),
    "openvino-int8": ("engine.backends.openvino", "openvino-int8.xml"),
}
FP32_BACKEND, INT8_BACKEND = "openvino-fp32", "openvino-int8"
# Those whose layers can be told apart.
PROFILED = tuple(name for name, (module, _) in BACKENDS.items() if module.endswith(".openvino"))


def known(name: str) -> str:
    """`name`, if there is such a backend.

    Raises:
        InputError: there is none.
    """
    if name not in BACKENDS:
        raise unknown_name("backend", name, BACKENDS)
    return name


def import_runtime(name: str) -> ModuleType:
    """The module of a backend's runtime, with `load` and `prepare`.

    Raises:
        BackendUnavailableError: a package of it is missing.
    """
    try:
        return import_module(BACKENDS[known(name)][0])
    except ImportError as exc:
        raise BackendUnavailableError(f"The backend {name} needs a package that is missing ({exc}).") from exc


def open_backend(name: str, model: Model, options: BackendOptions = DEFAULT_BACKEND_OPTIONS) -> Backend:
    """Loads and compiles a model's artefact for a runtime.

    Raises:
        InputError: there is no backend of that name.
        ArtefactError: the artefact is missing, changed, or the runtime cannot read it.
        BackendUnavailableError: the runtime is not installed, or this machine is not one for it.
    """
    artefact = BACKENDS[known(name)][1]
    path = model.artefact(artefact)
    runtime = import_runtime(name)
    try:
        return runtime.prepare(runtime.load(path, model.spec), model.spec, options)
    except EngineError:
        raise
    except Exception as exc:  # each runtime has error types of its own
        command = model.spec.artefacts[artefact].command
        raise ArtefactError(f"The backend {name} cannot read {path} ({exc}). Make it with `{command}`.") from exc
