"""What a host wants of the page beyond serving it."""

import os
from collections.abc import Callable

from engine.errors import BackendUnavailableError


def prepare() -> Callable[[], None] | None:
    """Registers a GPU function where Hugging Face's ZeroGPU hardware asks for one.

    Such a Space does not start without one, though this page computes on the CPU alone. Source: the documentation of
    ZeroGPU on Hugging Face, section "Getting started with ZeroGPU".

    Returns:
        The function, which nobody calls; None on any other machine, where nothing is imported.

    Raises:
        BackendUnavailableError: ZeroGPU asks for one, and its package is missing.
    """
    if not os.environ.get("SPACES_ZERO_GPU"):
        return None
    try:
        import spaces  # the host's own package, there and nowhere else
    except ImportError as exc:
        raise BackendUnavailableError(
            f"ZeroGPU needs the package spaces ({exc}). Write the Space with `make space HARDWARE=zerogpu`."
        ) from exc

    @spaces.GPU
    def never_called() -> None:
        """The page compares runtimes on the CPU."""

    return never_called
