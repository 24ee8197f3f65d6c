"""The backends that answer side by side on the page: opened once, shared by everyone."""

import threading
from collections.abc import Callable, Mapping

from engine.errors import EngineError, InputError
from engine.segmenter import Segmenter
from engine.spec import ModelSpec

# Backend -> (name for a reader, colour everywhere on the page). None of the colours means a class.
LANES: Mapping[str, tuple[str, str]] = {
    "torch": ("PyTorch", "#CC79A7"),
    "torchscript": ("TorchScript", "#A68A00"),
    "openvino-fp32": ("OpenVINO FP32", "#56B4E9"),
    "openvino-int8": ("OpenVINO INT8", "#009E73"),
}
BASELINE = "torch"
QUANTIZED = "openvino-int8"


def label(backend: str) -> str:
    """A backend's name for a reader."""
    return LANES[backend][0]


class Lanes:
    """Opens each backend when it is first needed; one that cannot run here keeps its reason, and the rest go on.

    Args:
        spec: of the model that all lanes run.
        open_segmenter: opens the model on a backend by name.
        names: the backends, in the order of the page.
    """

    def __init__(
        self, spec: ModelSpec, open_segmenter: Callable[[str], Segmenter], names: tuple[str, ...] = tuple(LANES)
    ) -> None:
        self.spec = spec
        self.names = names
        self._open_segmenter = open_segmenter
        self._opened: dict[str, Segmenter | EngineError] = {}
        self._lock = threading.Lock()

    def open_in_background(self) -> None:
        """Starts opening all lanes, so that the first photo need not wait for it."""
        threading.Thread(target=self.available, name="open-lanes", daemon=True).start()

    def get(self, name: str) -> Segmenter:
        """A lane that runs.

        Raises:
            InputError: it is no lane of the page.
            EngineError: it cannot run on this machine; the reason is the text.
        """
        if name not in self.names:
            raise InputError(f"There is no backend {name!r} here. Choose one of: {', '.join(self.names)}.")
        with self._lock:
            if name not in self._opened:
                try:
                    self._opened[name] = self._open_segmenter(name)
                except EngineError as error:
                    self._opened[name] = error
        opened = self._opened[name]
        if isinstance(opened, EngineError):
            raise opened
        return opened

    def available(self) -> dict[str, Segmenter]:
        """All lanes that run, in the order of the page; opens those that are not open yet."""
        segmenters = {}
        for name in self.names:
            try:
                segmenters[name] = self.get(name)
            except EngineError:
                continue
        return segmenters

    def failures(self) -> dict[str, str]:
        """Why the other lanes do not run."""
        return {name: str(error) for name, error in self._opened.items() if isinstance(error, EngineError)}
