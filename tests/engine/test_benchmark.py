"""What a benchmark measures, what it says of it, and that one backend's trouble is not the others'."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from engine import benchmark as module
from engine.backends import BACKENDS, Backend
from engine.backends.fake import FakeBackend
from engine.benchmark import Plan, benchmark, drawn_picture, parts, read_sources
from engine.errors import BackendUnavailableError, InputError
from engine.images import read_picture
from engine.progress import Step
from engine.roofline import best_seconds

QUICK = 0.05  # seconds; seven rounds are made all the same
PAIR = ("openvino-fp32", "openvino-int8")


@pytest.fixture(autouse=True)
def quiet_machine(monkeypatch):
    """Nobody else takes the cores, and nothing waits half a second to see that."""
    monkeypatch.setattr("engine.benchmark.busy_share", lambda: 0.0)


@pytest.fixture
def register(monkeypatch) -> Callable[[str, Callable[[], Backend]], None]:
    """`register("one", open)` makes a backend known for the test; `open()` gives it, as `prepare` of a runtime does."""

    def make_known(name: str, prepare: Callable[[], Backend]) -> None:
        runtime = ModuleType(f"drawn_runtime_{name}")
        runtime.load = lambda path, spec: None
        runtime.prepare = lambda loaded, spec, options: prepare()
        monkeypatch.setitem(sys.modules, runtime.__name__, runtime)
        monkeypatch.setitem(BACKENDS, name, (runtime.__name__, "openvino-fp32.xml"))

    return make_known


@pytest.fixture
def fakes(register) -> tuple[str, str]:
    for name in ("one", "other"):
        register(name, FakeBackend)
    return "one", "other"


@pytest.fixture
def folder(tmp_path, drawn_pet, encoded) -> Path:
    """Three photos and what is none."""
    sizes = {"b.JPG": (60, 200), "a.jpg": (90, 100), "c.png": (30, 150)}
    for name, size_hw in sizes.items():
        (tmp_path / name).write_bytes(encoded(drawn_pet(size_hw=size_hw)[0], "PNG" if name == "c.png" else "JPEG"))
    (tmp_path / "notes.txt").write_text("Dear cat,")
    return tmp_path


def unavailable() -> Backend:
    raise BackendUnavailableError("It needs a CPU that is not here.")


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (Plan(()), "No backend is named. Choose some of: torch, "),
        (Plan(("torch", "tensorflow")), "There is no backend 'tensorflow'. Known: "),
        (Plan(("torch", "openvino-int8", "torch")), "A backend is named twice in torch,openvino-int8,torch. Name each"),
        (Plan(PAIR, seconds=0), "--seconds is 0; expected more than 0"),
        (Plan(PAIR, seconds=-1.5), "--seconds is -1.5; expected more than 0"),
        (Plan(PAIR, seconds=float("nan")), "--seconds is nan; expected more than 0"),
        (Plan(PAIR, seconds=float("inf")), "--seconds is inf; expected more than 0"),
    ],
)
def test_a_plan_that_cannot_be_measured_is_refused(model, plan, words):
    with pytest.raises(InputError, match=words):
        benchmark(model, plan)


def test_a_plan_is_made_of_parts_with_their_seconds():
    plan = Plan(("torch", "torch-compile"), 10, startup=True, layers=True, roofline=True)
    assert parts(plan) == {
        "opening torch": 1.5,
        "opening torch-compile": 30,
        "timing the backends": 10,
        "starting torch anew": 5,
        "starting torch-compile anew": 35,  # which compiles again
        "profiling the layers": 4,
        "measuring the machine's peaks": 7,
    }
    assert list(parts(Plan(("torch",), 3))) == ["opening torch", "timing the backends"]


def test_without_a_photo_a_drawn_one_is_timed_the_same_every_time():
    (source,), about = read_sources(None)
    assert about == {"source": "drawn", "size_hw": [375, 500], "photos": 1}
    assert read_picture(source).size_hw == (375, 500)
    assert read_sources(None)[0] == [source]
    assert drawn_picture((20, 30)).shape == (20, 30, 3)


def test_a_photo_is_timed_as_the_file_it_is(photo):
    sources, about = read_sources(photo)
    assert sources == [photo.read_bytes()]
    assert about == {"source": "tom.jpg", "size_hw": [120, 160], "photos": 1}


def test_the_photos_of_a_folder_are_timed_in_the_order_of_their_names(folder):
    sources, about = read_sources(folder)
    assert sources == [(folder / name).read_bytes() for name in ("a.jpg", "b.JPG", "c.png")]
    # Heights 90, 60, 30 and widths 100, 200, 150: the medians are 60 and 150.
    assert about == {"source": folder.name, "size_hw": [60, 150], "photos": 3}


def test_of_a_folder_so_many_photos_are_read_at_most(folder, monkeypatch):
    monkeypatch.setattr(module, "MAX_PHOTOS", 2)
    sources, about = read_sources(folder)
    assert (len(sources), about["photos"]) == (2, 2)


def test_a_folder_without_photos_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("Dear cat,")
    with pytest.raises(InputError, match=r"holds no photo. Name a folder with JPEG, PNG, WebP or HEIC files"):
        read_sources(tmp_path)


def test_a_missing_photo_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"gone.jpg cannot be opened \(No such file or directory\)"):
        read_sources(tmp_path / "gone.jpg")


def test_a_photo_that_is_none_is_refused(tmp_path):
    (tmp_path / "letter.jpg").write_text("Dear cat,")
    with pytest.raises(InputError, match=r"letter.jpg is not a picture we can read"):
        read_sources(tmp_path)


@pytest.mark.slow
def test_a_benchmark_says_what_was_measured_on_what(model, photo):
    result = benchmark(model, Plan(PAIR, QUICK, photo))
    assert result["model"] == {
        "name": "fastsegnet",
        "version": model.spec.version,
        "size_hw": list(model.spec.size_hw),
        "parameters": model.spec.network["parameters"],
        "gmacs": model.spec.network["gmacs"],
    }
    assert result["picture"] == {"source": "tom.jpg", "size_hw": [120, 160], "photos": 1}
    assert {"cpu", "cores", "allocator", "other_load"} <= result["machine"].keys()
    assert (result["seconds"], result["cancelled"], result["unavailable"], result["failed"]) == (QUICK, False, {}, {})
    assert list(result["backends"]) == list(PAIR)
    assert list(result["ratios"]) == ["openvino-fp32/openvino-int8"]
    assert not {"layers", "roofline"} & result.keys()  # nobody asked for them
    assert all({"rule", "text"} == each.keys() for each in result["advice"])


@pytest.mark.slow
def test_a_backends_entry_follows_from_its_samples(model, photo):
    result = benchmark(model, Plan(PAIR, QUICK, photo))
    for name, entry in result["backends"].items():
        samples = np.array(entry["samples_ms"])  # rounded to 0.0001 ms
        assert samples.shape == (result["rounds"], 3)
        assert entry["latency_ms"]["median"] == pytest.approx(np.median(samples.sum(axis=1)), abs=1e-3)
        assert entry["network_ms"]["median"] == pytest.approx(entry["stages_ms"]["infer"])
        assert entry["encoded_ms"]["median"] > entry["latency_ms"]["median"]  # the file is read as well
        artefact = model.spec.artefacts[f"{name}.xml"]
        assert (entry["artefact"], entry["artefact_mb"]) == (f"{name}.xml", artefact.size_mb)
        assert entry["binary_iou"] == artefact.metrics["binary"]["dataset_iou"]
        assert entry["precision"].startswith("INT8" if name.endswith("int8") else "FP32")
    assert result["rounds"] >= 7
    assert result["read_ms"] > 0


@pytest.mark.slow
def test_startup_layers_and_roofline_are_added_where_they_are_asked_for(model, monkeypatch):
    monkeypatch.setattr(best_seconds, "__defaults__", (0.05,))  # seconds of each program of the roofline
    told: list[tuple[float, str]] = []
    plan = Plan(("openvino-int8", "openvino-fp32"), QUICK, startup=True, layers=True, roofline=True)
    result = benchmark(model, plan, lambda step: told.append((step.share, step.what)))
    for entry in result["backends"].values():
        assert entry["startup"].keys() == {
            "import_ms", "load_ms", "compile_ms", "first_inference_ms", "resident_mb", "peak_mb"
        }  # fmt: skip
    # Layers in the order in which INT8 leads, whatever the order of the report.
    assert list(result["layers"]["backends"]) == list(PAIR)
    int8 = result["roofline"]["backends"]["openvino-int8"]
    assert int8["peak_gops"] == result["roofline"]["int8_gops"]
    assert int8["network_ms"] == result["backends"]["openvino-int8"]["network_ms"]["median"]
    assert {"dearest_layer", "limit"} <= {each["rule"] for each in result["advice"]}
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert list(dict.fromkeys(what for _, what in told)) == list(parts(plan))


def test_layers_are_of_openvino_alone(model, fakes):
    assert "layers" not in benchmark(model, Plan(fakes, QUICK, layers=True))


def test_a_backend_that_does_not_run_here_is_named_and_the_others_are_timed(model, fakes, register):
    register("missing", unavailable)
    result = benchmark(model, Plan(("missing", *fakes), QUICK))
    assert result["unavailable"] == {"missing": "It needs a CPU that is not here."}
    assert list(result["backends"]) == list(fakes)
    assert list(result["ratios"]) == ["one/other"]


def test_where_no_backend_runs_the_reasons_are_given(model, register):
    register("missing", unavailable)
    with pytest.raises(BackendUnavailableError, match=r"None of the backends runs here: It needs a CPU that is not"):
        benchmark(model, Plan(("missing",), QUICK))


def test_a_backend_that_fails_is_left_out_with_its_reason(model, fakes, register):
    register("failing", lambda: FakeBackend(RuntimeError("out of memory")))
    result = benchmark(model, Plan((*fakes, "failing"), QUICK))
    assert result["failed"] == {"failing": "The fake backend failed (out of memory)."}
    assert list(result["backends"]) == list(fakes)


def test_where_every_backend_fails_the_reasons_are_given(model, register):
    register("failing", lambda: FakeBackend(RuntimeError("out of memory")))
    with pytest.raises(BackendUnavailableError, match=r"Every backend failed: The fake backend failed \(out of memory"):
        benchmark(model, Plan(("failing",), QUICK))


@pytest.mark.slow
def test_a_start_that_fails_leaves_what_was_timed(model, fakes):
    # A process of its own does not know the backends of this test.
    result = benchmark(model, Plan(fakes, QUICK, startup=True))
    assert list(result["backends"]) == list(fakes)
    assert list(result["failed"]) == ["one (start)", "other (start)"]
    assert result["failed"]["one (start)"].startswith("Starting one in a new process failed")


def stop_at(part: str, times: int = 1) -> Callable[[float, str, float | None], None]:
    """Ctrl-C when a part is told of for the so-manieth time; the first is its beginning."""
    told = 0

    def stop(step: Step) -> None:
        nonlocal told
        told += step.what == part
        if told == times and step.what == part:
            raise KeyboardInterrupt

    return stop


def test_ctrl_c_while_timing_keeps_the_rounds_and_skips_the_rest(model, fakes):
    plan = Plan(fakes, seconds=60, startup=True, roofline=True)
    # The part's beginning, and then a word for each round.
    result = benchmark(model, plan, stop_at("timing the backends", times=4))
    assert (result["cancelled"], result["rounds"]) == (True, 3)
    assert [len(entry["samples_ms"]) for entry in result["backends"].values()] == [3, 3]
    assert "one/other" in result["ratios"]
    assert "roofline" not in result
    assert all("startup" not in entry for entry in result["backends"].values())


def test_ctrl_c_after_timing_keeps_what_was_timed(model, fakes):
    result = benchmark(model, Plan(fakes, QUICK, roofline=True), stop_at("measuring the machine's peaks"))
    assert result["cancelled"]
    assert list(result["backends"]) == list(fakes)
    assert "roofline" not in result


@pytest.mark.parametrize("part", ["opening one", "opening other", "timing the backends"])
def test_ctrl_c_before_the_first_round_gives_an_empty_result(model, fakes, part):
    result = benchmark(model, Plan(fakes, QUICK), stop_at(part))
    assert result["cancelled"]
    assert (result["rounds"], result["read_ms"], result["backends"], result["ratios"]) == (0, 0.0, {}, {})
