"""What can go wrong, as one small tree.

    EngineError
    |- InputError (also ValueError)                  the picture, the data or an option is not one we can use
    |- ArtefactError                                 weights or model.json missing, unreadable, or disagreeing
    |- OutputError                                   a result cannot be written
    |- BackendUnavailableError (also ImportError)    the runtime or device is not on this machine
    `- InferenceError                                the runtime failed; the original is its __cause__

Every message says what came, what was expected and what to do.
"""

from collections.abc import Iterable


class EngineError(Exception):
    """Anything the engine raises on purpose; its text is fit for a user."""


class InputError(EngineError, ValueError):
    """The picture, the data or an option is not one we can use."""


class ArtefactError(EngineError):
    """Weights or `model.json` are missing, unreadable, or disagree with each other."""


class OutputError(EngineError):
    """A result cannot be written; the message names the file, the original exception is the `__cause__`."""


class BackendUnavailableError(EngineError, ImportError):
    """The runtime or the device is not on this machine."""


class InferenceError(EngineError):
    """The runtime failed while it ran; the original exception is the `__cause__`."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> InputError:
    """The error for a name that is not in a registry: it lists the names that are."""
    return InputError(f"There is no {kind} {name!r}. Known: {', '.join(sorted(known))}.")
