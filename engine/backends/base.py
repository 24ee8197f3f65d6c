"""What every runtime looks like from above: one verb and a description."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class BackendInfo:
    """What runs, for a reader.

    Attributes:
        runtime: the library, "OpenVINO".
        version: of the library.
        device: what it runs on, "CPU".
        precision: what the layers really execute in, "INT8 (74 of 93 layers), FP32".
        threads: how many the runtime may use for one batch.
    """

    runtime: str
    version: str
    device: str
    precision: str
    threads: int


@dataclass(frozen=True)
class BackendOptions:
    """How a runtime may use the machine.

    Attributes:
        threads: for one call; None leaves it to the runtime.
        requests: calls that are expected at once; the threads of all together are at most the usable cores.
        batch: pictures that one run of the network takes.
    """

    threads: int | None = None
    requests: int = 1
    batch: int = 1


DEFAULT_BACKEND_OPTIONS = BackendOptions()


class Backend(Protocol):
    """A model that is loaded and ready. Safe to call from many threads at once."""

    def infer(self, batch: np.ndarray) -> np.ndarray:
        """Runs the network.

        Args:
            batch: uint8 (N, H, W, 3) RGB, H and W the model's size.

        Returns:
            logits, float32 (N, num_classes, H, W); the caller's own.

        Raises:
            InferenceError: the runtime failed; its exception is the cause.
        """
        ...

    def describe(self) -> BackendInfo:
        """What really runs."""
        ...
