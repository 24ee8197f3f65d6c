"""Times all lanes on one photo, a round at a time: others get their answers in between, and it stops when unwanted."""

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from demo.lanes import Lanes
from engine.images import Picture
from engine.latency import Measurement, Rounds, compare_all, summarise
from engine.machine import Load
from engine.turn import try_turn

LOOK_SECONDS = 0.2  # between two looks at whether it is our turn
FEWEST = 3  # rounds that an interval is worth anything from


@dataclass(frozen=True)
class Effort:
    """How long to time: until `rounds` are done or `seconds` are over, and at least `FEWEST` rounds."""

    rounds: int
    seconds: float


AT_ONCE = Effort(rounds=9, seconds=1.6)
LONGER = Effort(rounds=60, seconds=12.0)


@dataclass(frozen=True)
class Timings:
    """What was measured on a photo.

    Attributes:
        measured: milliseconds of every lane that runs.
        failures: why the others do not run, by backend.
        other_load: share of the machine, 0 to 1, that others took meanwhile; None where that is not known.
    """

    measured: Measurement
    failures: dict[str, str] = field(default_factory=dict)
    other_load: float | None = None

    def numbers(self) -> dict:
        """All figures, for a program; the entries of `benchmark --json` among them."""
        samples = self.measured.samples
        return {
            "backends": {name: summarise(rows) for name, rows in samples.items()},
            "ratios": compare_all(samples),
            "rounds": max(map(len, samples.values()), default=0),
            "other_load": self.other_load,
            "unavailable": self.failures,
        }


def time_lanes(
    lanes: Lanes, picture: Picture, effort: Effort, is_wanted: Callable[[], bool] = lambda: True
) -> Generator[str, None, Timings | None]:
    """Times every lane that runs.

    Args:
        lanes: the backends.
        picture: read already, as the network needs it.
        effort: how long.
        is_wanted: asked before every round; once it says no, nothing more is done.

    Yields:
        What it waits for or does, in words.

    Returns:
        What was measured; None where it was not wanted any more.
    """
    yield "Getting the runtimes ready."
    timing = Rounds(lanes.available(), [picture])
    while is_wanted():
        with try_turn() as is_mine:
            if is_mine:
                yield "Timing the runtimes."
                return _measure(lanes, timing, effort, is_wanted)
        yield "Something else is being timed on this machine. This photo comes next."
        time.sleep(LOOK_SECONDS)
    return None


def _measure(lanes: Lanes, timing: Rounds, effort: Effort, is_wanted: Callable[[], bool]) -> Timings | None:
    with lanes.quiet.measuring() as let_through:
        load, started = Load(), time.perf_counter()
        while timing.done < effort.rounds and not timing.is_over:
            if not is_wanted():
                return None
            timing.run()
            let_through()
            if timing.done >= FEWEST and time.perf_counter() - started > effort.seconds:
                break
        measured = timing.measurement()
        return Timings(measured, lanes.failures() | measured.failures, load.others())
