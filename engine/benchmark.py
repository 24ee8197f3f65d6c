"""The benchmark: backends side by side on this machine, as `python -m engine benchmark` and the page's Lab run it."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from engine.advice import advise
from engine.backends import BACKENDS, PROFILED, known
from engine.errors import ArtefactError, BackendUnavailableError, EngineError, InputError
from engine.images import Picture, photos_in, read_picture
from engine.latency import Measurement, compare_all, measure, summarise, tails
from engine.machine import busy_share, describe_machine
from engine.progress import OnProgress, Progress, silent
from engine.segmenter import Segmenter
from engine.spec import Model
from engine.startup import measure_startup

MAX_PHOTOS = 100  # of a folder
# Seconds that each part takes, about, for the time that is left.
OPENING_SECONDS = {"torch-compile": 30.0}
OPENING, STARTUP, LAYERS, ROOFLINE = 1.5, 5.0, 4.0, 7.0


@dataclass(frozen=True)
class Plan:
    """What to measure.

    Attributes:
        backends: by name, in the order of the report; ratios are of earlier to later ones.
        seconds: of timing, all backends together.
        photo: a photo, a folder of photos, or None for a drawn picture.
        startup: also start each backend in a process of its own.
        layers: also profile the layers of OpenVINO's backends.
        roofline: also measure the peaks of this machine.
    """

    backends: tuple[str, ...]
    seconds: float = 10.0
    photo: Path | None = None
    startup: bool = False
    layers: bool = False
    roofline: bool = False

    def check(self) -> None:
        """Refuses what cannot be measured.

        Raises:
            InputError: no or unknown backends, one twice, or no time.
        """
        if not self.backends:
            raise InputError(f"No backend is named. Choose some of: {', '.join(BACKENDS)}.")
        for name in self.backends:
            known(name)
        if len(set(self.backends)) < len(self.backends):
            raise InputError(f"A backend is named twice in {','.join(self.backends)}. Name each once.")
        if not 0 < self.seconds < float("inf"):
            raise InputError(f"--seconds is {self.seconds:g}; expected more than 0.")


def benchmark(model: Model, plan: Plan, on_progress: OnProgress = silent) -> dict:
    """Runs the plan; Ctrl-C ends it early, keeps what was measured and marks it.

    Returns:
        The fields of `benchmark --json`, without "command".

    Raises:
        InputError: the plan, the photo or the model cannot be used.
        BackendUnavailableError: none of the backends runs here.
    """
    plan.check()
    sources, about = read_sources(plan.photo)
    progress = Progress(parts(plan), on_progress)
    machine = describe_machine() | {"other_load": busy_share()}
    try:
        segmenters, unavailable = open_segmenters(model, plan, progress)
        progress.start("timing the backends")
        measured = measure(segmenters, sources, seconds=plan.seconds, on_progress=progress.update)
    except KeyboardInterrupt:  # before the first round; opening torch.compile takes half a minute
        segmenters, unavailable, measured = {}, {}, Measurement({}, np.array([]), cancelled=True)
    if not measured.samples and not measured.cancelled:
        raise BackendUnavailableError(f"Every backend failed: {'; '.join(measured.failures.values())}")
    result = {
        "model": describe_model(model),
        "picture": about,
        "machine": machine,
        "seconds": plan.seconds,
        "rounds": len(measured.read_ms),
        "cancelled": measured.cancelled,
        "read_ms": float(np.median(measured.read_ms)) if len(measured.read_ms) else 0.0,
        "backends": describe_backends(model, segmenters, measured),
        "ratios": compare_all(measured.samples),
        "unavailable": unavailable,
        "failed": measured.failures,
    }
    if not measured.cancelled:
        try:
            add_the_rest(result, model, plan, progress)
        except KeyboardInterrupt:
            result["cancelled"] = True
    return result | {"advice": advise(result)}


def parts(plan: Plan) -> dict[str, float]:
    """What will be done and the seconds it takes, about."""
    expected = {f"opening {name}": OPENING_SECONDS.get(name, OPENING) for name in plan.backends}
    expected["timing the backends"] = plan.seconds
    if plan.startup:
        expected |= {f"starting {name} anew": STARTUP + OPENING_SECONDS.get(name, 0) for name in plan.backends}
    if plan.layers:
        expected["profiling the layers"] = LAYERS
    if plan.roofline:
        expected["measuring the machine's peaks"] = ROOFLINE
    return expected


def open_segmenters(model: Model, plan: Plan, progress: Progress) -> tuple[dict[str, Segmenter], dict[str, str]]:
    """The backends that run here, and why the others do not."""
    segmenters, unavailable = {}, {}
    for name in plan.backends:
        progress.start(f"opening {name}")
        try:
            segmenters[name] = Segmenter.open(model.folder, name)
        except (ArtefactError, BackendUnavailableError) as error:
            unavailable[name] = str(error)
    if not segmenters:
        raise BackendUnavailableError(f"None of the backends runs here: {' '.join(unavailable.values())}")
    return segmenters, unavailable


def add_the_rest(result: dict, model: Model, plan: Plan, progress: Progress) -> None:
    """Start-up, layers and roofline, where the plan asks for them."""
    if plan.startup:
        for name, entry in result["backends"].items():
            progress.start(f"starting {name} anew")
            try:
                entry["startup"] = measure_startup(model, name)
            except EngineError as error:
                result["failed"][f"{name} (start)"] = str(error)
    if plan.layers:
        from engine import layers  # OpenVINO is imported where it is used

        progress.start("profiling the layers")
        profiled = tuple(name for name in PROFILED if name in result["backends"])  # INT8 last: it leads
        if profiled:
            result["layers"] = layers.profile(model, profiled)
    if plan.roofline:
        from engine import roofline

        progress.start("measuring the machine's peaks")
        has_bfloat16 = any("BF16" in name for name in result["machine"]["instruction_sets"])
        peaks = roofline.measure_peaks(has_bfloat16, progress.update)
        networks = {n: (e["network_ms"]["median"], e["precision"]) for n, e in result["backends"].items()}
        result["roofline"] = peaks | {"backends": roofline.shares(peaks, model.spec.network["gmacs"], networks)}


def describe_model(model: Model) -> dict:
    spec = model.spec
    return {
        "name": spec.name,
        "version": spec.version,
        "size_hw": list(spec.size_hw),
        "parameters": spec.network["parameters"],
        "gmacs": spec.network["gmacs"],
    }


def describe_backends(model: Model, segmenters: dict[str, Segmenter], measured: Measurement) -> dict[str, dict]:
    """The entry of each backend that was timed."""
    entries = {}
    for name, samples in measured.samples.items():
        info = segmenters[name].describe()
        artefact = model.spec.artefacts[BACKENDS[name][1]]
        entries[name] = {
            "runtime": info.runtime,
            "version": info.version,
            "precision": info.precision,
            "threads": info.threads,
            "artefact": BACKENDS[name][1],
            "artefact_mb": artefact.size_mb,
            "binary_iou": artefact.metrics["binary"]["dataset_iou"] if artefact.metrics else None,
            **summarise(samples),
            "encoded_ms": tails(samples.sum(axis=1) + measured.read_ms),
            "network_ms": tails(samples[:, 1]),
            "samples_ms": np.round(samples, 4).tolist(),
        }
    return entries


def read_sources(photo: Path | None) -> tuple[list[bytes | Picture], dict]:
    """The pictures to time with, as files in memory, and what to say of them.

    Raises:
        InputError: there is no photo, or one of them cannot be read.
    """
    if photo is None:
        drawn = drawn_picture()
        return [encode(drawn)], {"source": "drawn", "size_hw": list(drawn.shape[:2]), "photos": 1}
    paths = [photo]
    if photo.is_dir():
        paths = photos_in(photo)[:MAX_PHOTOS]
    sizes = [read_picture(path).size_hw for path in paths]
    about = {
        "source": photo.resolve().name,
        "size_hw": [int(x) for x in np.median(sizes, axis=0)],
        "photos": len(paths),
    }
    return [path.read_bytes() for path in paths], about


def drawn_picture(size_hw: tuple[int, int] = (375, 500)) -> np.ndarray:
    """A picture to time with where there is no photo: smooth noise, the same every time; uint8 (H, W, 3)."""
    noise = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    height, width = size_hw
    return np.asarray(Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC))


def encode(image: np.ndarray) -> bytes:
    """The picture as a JPEG file."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=90)
    return file.getvalue()
