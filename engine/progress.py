"""How far a long command is: for a person a bar, for a program a JSON object a line."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from tqdm import tqdm

OnProgress = Callable[[float, str, float | None], None]
"""Told the share done (0 to 1), what is going on, and the seconds left where they can be said."""


def silent(share: float, what: str, seconds_left: float | None) -> None:
    """For who does not want to know."""


class Progress:
    """Turns the progress of parts into that of the whole.

    Args:
        parts: the seconds that each part is expected to take, by what is said of it, in order.
        on_progress: told of every step.
    """

    def __init__(self, parts: Mapping[str, float], on_progress: OnProgress = silent) -> None:
        self._parts = dict(parts)
        self._on_progress = on_progress
        self._part = ""

    @property
    def expected_seconds(self) -> float:
        """Of all parts together."""
        return sum(self._parts.values())

    def start(self, part: str) -> None:
        """Begins a part; the ones before it are done."""
        self._part = part
        self.update(0.0)

    def update(self, share: float) -> None:
        """Says how much of the part is done, 0 to 1."""
        names = list(self._parts)
        seconds = list(self._parts.values())
        at = names.index(self._part)
        done = sum(seconds[:at]) + share * seconds[at]
        total = self.expected_seconds
        self._on_progress(done / total if total else 1.0, self._part, total - done)


@contextmanager
def bar() -> Iterator[OnProgress]:
    """A bar on stderr."""
    with tqdm(total=100, leave=False, bar_format="{desc} {bar} {n:.0f} %{postfix}") as drawn:

        def show(share: float, what: str, seconds_left: float | None) -> None:
            is_new = what != drawn.desc
            drawn.set_description_str(what, refresh=False)
            drawn.set_postfix_str("" if seconds_left is None else f"{seconds_left:.0f} s left", refresh=False)
            drawn.update(share * 100 - drawn.n)
            if is_new:  # the bar draws itself ten times a second at most, and a part may say nothing else for long
                drawn.refresh()

        yield show


@contextmanager
def json_lines() -> Iterator[OnProgress]:
    """One JSON object a line on stdout: share, what, seconds_left."""

    def show(share: float, what: str, seconds_left: float | None) -> None:
        left = None if seconds_left is None else round(seconds_left, 1)
        print(json.dumps({"share": round(share, 4), "what": what, "seconds_left": left}), flush=True)

    yield show


PRINTERS = {"bar": bar, "json": json_lines}
