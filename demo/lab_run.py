"""What the Lab tab measures: a benchmark, and a sweep after it where one is asked for."""

import shlex
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from demo.engine_process import PROGRAM, EngineProcess
from engine.command import words_of
from engine.errors import EngineError, InputError
from engine.progress import Step
from engine.sweep import expected_seconds, settings

SWEEP_SECONDS = 1.0  # of measuring each setting
EXTRAS = {"startup": "Start-up and memory", "layers": "Layers", "roofline": "Roofline", "sweep": "Sweep"}


@dataclass(frozen=True)
class LabPlan:
    """What somebody chose.

    Attributes:
        backends: at least one, the first is what the others are compared with.
        seconds: of timing, all backends together.
        photo: to time with; None for a drawn picture.
        allocator: of PyTorch, "default" or "tuned".
        extras: of `EXTRAS`.
        sweep_backend: the backend to sweep.
    """

    backends: tuple[str, ...]
    seconds: float
    photo: Path | None = None
    allocator: str = "default"
    extras: tuple[str, ...] = ()
    sweep_backend: str = "openvino-int8"

    @property
    def sweep_seconds(self) -> float:
        """How long the sweep will take, about; 0 without one."""
        return expected_seconds(settings(), SWEEP_SECONDS) if "sweep" in self.extras else 0.0

    def benchmark_arguments(self, model: str) -> list[str]:
        """After `python -m engine`."""
        extras = {extra: True for extra in self.extras if extra != "sweep"}
        return [
            "benchmark",
            *words_of(model=model, backends=self.backends, seconds=float(self.seconds)),
            *words_of(torch_allocator=self.allocator, photo=self.photo, **extras),
        ]

    def sweep_arguments(self, model: str) -> list[str]:
        """After `python -m engine`."""
        return ["sweep", *words_of(model=model, backend=self.sweep_backend, seconds=SWEEP_SECONDS)]


@dataclass(frozen=True)
class LabResult:
    """What came of it.

    Attributes:
        benchmark: the fields of `benchmark --json`; None where it was cancelled before it had any.
        sweep: the fields of `sweep --json`; None without one.
        sweep_trouble: why there is no sweep though one was asked for.
    """

    benchmark: dict | None
    sweep: dict | None = None
    sweep_trouble: str | None = None


class LabRun:
    """The commands of a plan, one after the other, as one thing that can be watched and stopped."""

    def __init__(self, plan: LabPlan, model: str, program: Sequence[str] = PROGRAM) -> None:
        if not plan.backends:
            raise InputError("No backend is chosen. Tick at least one.")
        self._plan = plan
        self._benchmark = EngineProcess(plan.benchmark_arguments(model), program)
        self._sweep = EngineProcess(plan.sweep_arguments(model), program)
        self._current = self._benchmark
        self._is_interrupted = False

    def run(self) -> Generator[Step, None, LabResult]:
        """Says how far all of it is; closing the generator kills what runs.

        Raises:
            InputError, InferenceError: the benchmark failed; a sweep that fails leaves the benchmark's result.
        """
        benchmark = yield from self._watch(self._benchmark, self._with_sweep_ahead)
        if benchmark is not None:
            benchmark = with_short_path(benchmark, self._plan.photo)
        if "sweep" not in self._plan.extras:
            return LabResult(benchmark)
        if benchmark is None or benchmark["cancelled"] or self._is_interrupted:
            return LabResult(benchmark, None, "The sweep was not begun.")
        try:
            sweep = yield from self._watch(self._sweep, self._with_benchmark_done)
        except EngineError as error:
            return LabResult(benchmark, None, str(error))
        if sweep is None or not sweep["points"]:
            return LabResult(benchmark, None, "The sweep was cancelled before its first setting was measured.")
        return LabResult(benchmark, sweep)

    def interrupt(self) -> None:
        """Stops, and keeps what was measured."""
        self._is_interrupted = True
        self._current.interrupt()

    def _watch(self, process: EngineProcess, of_all: Callable[[Step], Step]) -> Generator[Step, None, dict | None]:
        self._current = process
        running = process.run()
        try:
            while True:
                yield of_all(next(running))
        except StopIteration as done:
            return done.value
        finally:
            running.close()

    def _with_sweep_ahead(self, step: Step) -> Step:
        if not self._plan.sweep_seconds or step.left_s is None or step.share >= 1:
            return step
        benchmark_seconds = step.left_s / (1 - step.share)
        whole = benchmark_seconds + self._plan.sweep_seconds
        done = step.share * benchmark_seconds
        return Step(done, whole, step.what, step.left_s + self._plan.sweep_seconds)

    def _with_benchmark_done(self, step: Step) -> Step:
        before = self._plan.seconds
        done = before + step.share * self._plan.sweep_seconds
        return Step(done, before + self._plan.sweep_seconds, f"sweep: {step.what}", step.left_s)


def with_short_path(benchmark: dict, photo: Path | None) -> dict:
    """The command that repeats it names an uploaded photo by its name alone: nobody else has the folder it lies in."""
    if photo is None or not photo.is_absolute():
        return benchmark
    return benchmark | {"command": benchmark["command"].replace(str(photo), shlex.quote(photo.name))}
