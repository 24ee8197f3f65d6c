"""The backends that answer side by side on the page: opened once, shared by everyone."""

import contextlib
import threading
from collections.abc import Callable, Mapping

import numpy as np

from demo.looks import LOOKS
from demo.quiet import Quiet
from engine.errors import EngineError, InputError
from engine.images import read_picture
from engine.segmenter import DEFAULT_BACKEND, Segmenter
from engine.spec import ModelSpec

LANES: Mapping[str, tuple[str, str]] = {
    name: LOOKS[name] for name in ("torch", "torchscript", "openvino-fp32", "openvino-int8")
}
BASELINE = "torch"
ROUNDS = 9  # timed calls of each lane for a photo, at the most; the charts show medians
WARM_UP_CALLS = 2  # of each lane when it was opened


class Lanes:
    """Opens each backend when it is first needed; one that cannot run here keeps its reason, and the rest go on.

    Args:
        spec: of the model that all lanes run.
        open_segmenter: opens the model on a backend by name.
        names: the backends, in the order of the page.
        model: of the same, as `--model` takes it: the name of its folder under models/, or a path.
        rounds: how often each is timed for a photo.

    Attributes:
        quiet: what is timed on the lanes asks it for silence.
    """

    def __init__(
        self,
        spec: ModelSpec,
        open_segmenter: Callable[[str], Segmenter],
        names: tuple[str, ...] = tuple(LANES),
        model: str | None = None,
        rounds: int = ROUNDS,
    ) -> None:
        self.spec = spec
        self.names = names
        self.model = model or spec.name
        self.rounds = rounds
        self.quiet = Quiet()
        self._open_segmenter = open_segmenter
        self._opened: dict[str, Segmenter | EngineError] = {}
        self._lock = threading.Lock()

    def open_in_background(self) -> None:
        """Starts opening all lanes and makes them warm, so that the first photo need not wait for it."""
        threading.Thread(target=self._warm_up, name="open-lanes", daemon=True).start()

    def _warm_up(self) -> None:
        picture = read_picture(np.zeros((*self.spec.size_hw, 3), np.uint8))
        for name in (DEFAULT_BACKEND, *self.names):  # what the first answer comes from is first
            with contextlib.suppress(EngineError):
                segmenter = self.get(name)
                for _ in range(WARM_UP_CALLS):
                    with self.quiet.working():
                        segmenter.segment(picture)

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
