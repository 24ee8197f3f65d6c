"""How far a long command is: for a person a bar, for a program a JSON object a line; both on stderr.

Whoever works says how far it is, to whoever listens in this process:

    for photo in track(photos, "evaluating"):    # counts
        ...
    report(Step(3.2, 10.0, "timing", left_s=6.8))    # or says it itself

Nobody listens unless a command is run (`listening`), so work that is called from elsewhere is silent.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TypeVar

Item = TypeVar("Item")
JSON_SECONDS = 0.1  # between two lines that say the same thing of another number
BAR_AFTER_SECONDS = 1.0  # what is done by then gets no bar


@dataclass(frozen=True)
class Step:
    """How far something is.

    Attributes:
        done: of `total`, in any unit: photos, seconds, a share.
        total: what `done` will be at the end.
        what: goes on.
        left_s: seconds until the end, where they can be said.
    """

    done: float
    total: float
    what: str
    left_s: float | None = None

    @property
    def share(self) -> float:
        """Done, 0 to 1."""
        return self.done / self.total if self.total else 1.0


OnProgress = Callable[[Step], None]


def silent(step: Step) -> None:
    """For who does not want to know."""


_listener: OnProgress = silent


@contextmanager
def listening(listener: OnProgress) -> Iterator[None]:
    """Everything that is reported in this process goes to `listener`."""
    global _listener
    before, _listener = _listener, listener
    try:
        yield
    finally:
        _listener = before


def report(step: Step) -> None:
    """Tells who listens in this process."""
    _listener(step)


def track(items: Iterable[Item], what: str, total: int | None = None) -> Iterator[Item]:
    """The items, counted while they are worked on.

    What is reported while an item is worked on is a part of that item: a loop in a loop is one progress.

    Args:
        items: to work on, one after the other.
        what: is done with them.
        total: how many they are; needed where they have no length.
    """
    if total is None:
        assert isinstance(items, Sized)
        total = len(items)
    with counting(total, what) as advance:
        for item in items:
            yield item
            advance()


@contextmanager
def counting(total: int, what: str) -> Iterator[Callable[..., None]]:
    """A function to call after each of `total` things, or with how many were done since the last call."""
    outer, started, done = _listener, time.monotonic(), 0
    furthest: float = 0

    def tell(count: float, word: str) -> None:
        nonlocal furthest
        furthest = max(furthest, count)  # a second loop in one item begins where the first ended
        spent, share = time.monotonic() - started, furthest / total if total else 1.0
        outer(Step(furthest, total, word, round(spent / share * (1 - share), 1) if share else None))

    def advance(count: int = 1) -> None:
        nonlocal done
        done += count
        tell(done, what)

    tell(0, what)
    with listening(lambda step: tell(done + step.share, f"{what}: {step.what}")):
        yield advance


class Progress:
    """Turns the progress of parts into that of the whole.

    Args:
        parts: the seconds that each part is expected to take, by what is said of it, in order.
        on_progress: told of every step, in seconds.
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
        self._on_progress(Step(done, total, self._part, total - done))


@contextmanager
def bar(after_s: float = BAR_AFTER_SECONDS) -> Iterator[OnProgress]:
    """A bar on stderr, once `after_s` seconds are over; none where tqdm is not installed."""
    try:
        from tqdm import tqdm
    except ImportError:
        yield silent
        return
    started = time.monotonic()
    form = "{desc} {bar} {n:.0f} %{postfix}"
    with tqdm(total=100, leave=False, delay=after_s, bar_format=form, mininterval=0.5) as drawn:

        def show(step: Step) -> None:
            is_new = step.what != drawn.desc
            drawn.set_description_str(step.what, refresh=False)
            drawn.set_postfix_str("" if step.left_s is None else f"{step.left_s:.0f} s left", refresh=False)
            drawn.update(step.share * 100 - drawn.n)
            # The bar draws itself now and then, and a part may say nothing else for long.
            if is_new and time.monotonic() - started >= after_s:
                drawn.refresh()

        yield show


@contextmanager
def json_lines() -> Iterator[OnProgress]:
    """One JSON object a line on stderr: done, total, what, left_s."""
    last: Step | None = None
    printed_at = 0.0

    def show(step: Step) -> None:
        nonlocal last, printed_at
        now = time.monotonic()
        is_new = last is None or step.what != last.what or step.done >= step.total
        if is_new or now - printed_at >= JSON_SECONDS:
            rounded = {
                key: round(value, 4) if isinstance(value, float) else value for key, value in asdict(step).items()
            }
            print(json.dumps(rounded), file=sys.stderr, flush=True)
            last, printed_at = step, now

    yield show


PRINTERS = {"bar": bar, "json": json_lines}
