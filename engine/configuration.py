"""What a sweep found, for those who use it: `--config FILE`."""

import json
from pathlib import Path

from engine.backends import BackendOptions, known
from engine.errors import InputError
from engine.sweep import options_of


def read_configuration(path: Path) -> tuple[str, BackendOptions]:
    """The backend and the options of a sweep's sweet spot.

    Args:
        path: what `python -m engine sweep --json` wrote.

    Raises:
        InputError: it is missing, is no result of a sweep, or no setting kept the limit.
    """
    try:
        result = json.loads(path.read_text())
    except (OSError, ValueError) as exc:
        raise InputError(f"{path} cannot be read ({exc}). Make it with `python -m engine sweep --json`.") from exc
    try:
        backend, spot = known(result["backend"]), result["sweet_spot"]
        if spot is None:
            raise InputError(f"{path} holds no setting that kept the limit of latency. Sweep again with a higher one.")
        return backend, options_of(spot)
    except (KeyError, TypeError) as exc:
        raise InputError(f"{path} is no result of `python -m engine sweep --json` (it lacks {exc}).") from exc
