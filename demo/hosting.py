"""What a host wants of the page beyond serving it."""

import os


def prepare() -> None:
    """Registers a GPU function where Hugging Face's ZeroGPU hardware asks for one.

    Such a Space does not start without one, though this page computes on the CPU alone. Source: the documentation of
    ZeroGPU on Hugging Face, section "Getting started with ZeroGPU".
    """
    if not os.environ.get("SPACES_ZERO_GPU"):
        return
    import spaces  # the host's own package, there and nowhere else

    @spaces.GPU
    def never_called() -> None:
        """The page compares runtimes on the CPU."""
