"""The handlers of the Lab tab, without a server, over a program that answers at once."""

import csv
import json
import sys
from pathlib import Path

import gradio as gr
import pytest

from demo import lab, lab_exports
from demo.lab import LabHandlers, plan_of
from demo.lab_markup import named, verdict_html, working_html
from demo.lab_results import LabResults
from demo.lab_run import LabPlan, LabResult, LabRun, with_short_path
from engine.errors import InputError
from engine.progress import Step

FAKE = (sys.executable, str(Path(__file__).with_name("fake_engine.py")))
PAIR = ["torch", "openvino-int8"]


@pytest.fixture(autouse=True)
def engine_for_the_fake(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))


@pytest.fixture
def handlers(fake_lanes) -> LabHandlers:
    return LabHandlers(fake_lanes, FAKE)


@pytest.fixture(scope="module")
def measured() -> LabResult:
    """Three backends with everything, one of which does not run here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
        backends = ("torch", "torch-bf16", "openvino-fp32", "openvino-int8")
        running = LabRun(LabPlan(backends, 2, extras=tuple(lab.EXTRAS)), "fastsegnet", FAKE).run()
        while True:
            try:
                next(running)
            except StopIteration as done:
                return done.value


@pytest.fixture
def results(spec) -> LabResults:
    return LabResults(spec)


def test_a_run_shows_how_far_it_is_and_ends_with_a_result(handlers):
    *working, (last, result) = handlers.measure("anna", PAIR, 2)
    assert all(result is None for _, result in working)
    assert any("Timing the backends" in html and "s left" in html for html, _ in working)
    assert last == ""
    assert list(result.benchmark["backends"]) == PAIR


def test_cancelling_shows_what_was_measured_until_then(handlers):
    running = handlers.measure("anna", PAIR, 60)
    while "Timing" not in next(running)[0]:
        pass
    handlers.cancel("anna")
    *_, (_, result) = running
    assert result.benchmark["cancelled"]
    assert "Cancelled: this is what was measured until then." in verdict_html(result)


def test_cancelling_ends_the_run_of_the_one_who_asks_alone(handlers):
    running = handlers.measure("anna", PAIR, 2)
    next(running)
    handlers.cancel("ben")
    *_, (_, result) = running
    assert not result.benchmark["cancelled"]


def test_a_run_that_is_cancelled_in_the_line_does_not_begin(handlers):
    handlers.line_up("anna")
    handlers.cancel("anna")
    assert [result for _, result in handlers.measure("anna", PAIR, 2)] == [None]
    handlers.line_up("anna")
    *_, (_, result) = handlers.measure("anna", PAIR, 2)
    assert result is not None


def test_leaving_the_page_kills_the_process(handlers):
    running = handlers.measure("anna", PAIR, 60)
    while "Timing" not in next(running)[0]:
        pass
    process = handlers._runs["anna"]._benchmark._process
    assert process.poll() is None
    running.close()
    assert process.poll() is not None
    assert handlers._runs == {}


def test_refusals_are_errors_in_plain_words(handlers):
    with pytest.raises(gr.Error, match="No backend is chosen"):
        next(handlers.measure("anna", [], 2))
    with pytest.raises(gr.Error, match="There is no photo yet"):
        next(handlers.measure("anna", PAIR, 2, "own", None))
    handlers._model = "broken"
    with pytest.raises(gr.Error, match="There is no model 'broken'"):
        list(handlers.measure("anna", PAIR, 2))


def test_choices_become_a_command_line_in_the_order_of_the_page():
    plan = plan_of(["openvino-int8", "torch"], 5, "drawn", None, "tuned", ["sweep", "layers"], "torch")
    assert plan.benchmark_arguments("fastsegnet") == [
        *("benchmark", "--model", "fastsegnet", "--backends", "torch,openvino-int8", "--seconds", "5"),
        *("--torch-allocator", "tuned", "--layers"),
    ]
    assert plan.sweep_arguments("m")[:5] == ["sweep", "--model", "m", "--backend", "torch"]


def test_the_example_is_named_as_it_lies_in_the_repository():
    arguments = plan_of(PAIR, 5).benchmark_arguments("fastsegnet")
    assert arguments[arguments.index("--photo") + 1] == "demo/examples/cat.jpg"


def test_an_uploaded_photo_is_repeated_by_its_name_not_by_a_path_of_the_server():
    benchmark = {"command": "python -m engine benchmark --photo /srv/upload/my cat.jpg --layers"}
    short = with_short_path(benchmark, Path("/srv/upload/my cat.jpg"))
    assert short["command"] == "python -m engine benchmark --photo 'my cat.jpg' --layers"


def test_the_sweep_is_part_of_the_share_and_of_the_time_left():
    run = LabRun(LabPlan(("torch",), 10, extras=("sweep",)), "fastsegnet", FAKE)
    whole = 10 + run._plan.sweep_seconds
    # Half of a benchmark of 10 s, of which 5 s are left, then the sweep.
    step = run._with_sweep_ahead(Step(0.5, 1, "timing", 5.0))
    assert step.share == pytest.approx(5 / whole)
    assert step.left_s == 5 + run._plan.sweep_seconds
    assert run._with_benchmark_done(Step(0, 1, "x", 1.0)).share == pytest.approx(10 / whole)


def test_a_plan_without_backends_is_refused():
    with pytest.raises(InputError, match="No backend"):
        LabRun(LabPlan((), 10), "fastsegnet")


def test_the_working_state_says_what_how_far_and_how_long():
    html = working_html(Step(0.42, 1, "opening openvino-int8", 6.1))
    assert "Opening OpenVINO INT8" in html
    assert "42 %, about 6 s left" in html
    assert 'aria-valuenow="42"' in html
    waiting = Step(0, 1, "waiting: something else is being timed on this machine")
    assert "left" not in working_html(waiting).split("style")[0]


def test_backends_in_the_engines_words_get_their_names():
    assert named("starting torch anew") == "starting PyTorch anew"
    assert named("opening torch-compile") == "opening torch.compile"


def test_a_result_is_shown_as_sentence_charts_tables_and_command(results, measured):
    shown = results.contents(measured)
    assert "faster than PyTorch" in shown["verdict"]
    assert "PyTorch BF16:</b> This CPU has no BF16" in shown["verdict"]
    assert "<li>This CPU has no VNNI" in shown["verdict"]
    assert all(shown[chart]["visible"] for chart in ("distribution", "speed-up", "stages", "pareto"))
    assert "3x3 convolution, 88 to 48 channels" in shown["layers"]["value"]
    assert "0.70 ms, INT8" in shown["layers"]["value"]  # 2.1 ms / 3
    assert "1210 ms" in shown["startup"]["value"]
    assert "53.5 % of 200 Gop/s" in shown["roofline"]["value"]
    assert shown["command"].startswith("python -m engine benchmark --backends torch,")
    assert shown["sweep"]["visible"]
    assert shown["limit"]["maximum"] == 68  # 61 ms x 1.1, rounded up


def test_parts_that_were_not_measured_are_not_shown(results, measured):
    benchmark = {name: part for name, part in measured.benchmark.items() if name not in ("layers", "roofline")}
    entries = {
        name: {key: value for key, value in entry.items() if key != "startup"}
        for name, entry in benchmark["backends"].items()
    }
    shown = results.contents(LabResult(benchmark | {"backends": entries}))
    assert not any(shown[table]["visible"] for table in ("layers", "startup", "roofline"))
    assert not shown["sweep"]["visible"]


def test_a_run_that_was_cancelled_at_once_is_shown_without_charts(results, measured):
    benchmark = measured.benchmark | {"backends": {}, "ratios": {}, "cancelled": True, "rounds": 0}
    shown = results.contents(LabResult(benchmark))
    assert "Cancelled before anything was timed." in shown["verdict"]
    assert not shown["pareto"]["visible"]


def test_moving_the_limit_finds_another_setting_and_writes_its_configuration(results, measured):
    words, chart, download = results.move_limit(measured, 10.0)
    # Within 10 ms are 170, 240 and 262 pictures/s; 262 belongs to 2 requests of 1 thread.
    assert "2 requests x 1 thread x batch 1 gives 262 pictures/s" in words
    assert chart.layout.shapes[0].x0 == 10.0
    configuration = json.loads(Path(download["value"]).read_text())
    assert configuration["max_latency_ms"] == 10.0
    assert configuration["sweet_spot"]["requests"] == 2
    assert Path(download["value"]).name == "whisker-sweep.json"


def test_a_limit_that_nothing_keeps_is_said_and_nothing_can_be_downloaded(results, measured):
    words, _, download = results.move_limit(measured, 1.0)
    assert "No setting of OpenVINO INT8 answers nine calls in ten within 1.0 ms; the quickest needs 4.4 ms." in words
    assert not download["interactive"]


def test_samples_are_a_row_a_round_and_backend(measured):
    with lab_exports.samples_csv(measured.benchmark).open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * 60
    first = rows[0]
    assert list(first) == ["round", "backend", "preprocess_ms", "infer_ms", "postprocess_ms", "total_ms"]
    parts = sum(float(first[f"{stage}_ms"]) for stage in ("preprocess", "infer", "postprocess"))
    assert float(first["total_ms"]) == pytest.approx(parts, abs=1e-3)


def test_a_sweep_that_fails_leaves_the_benchmark_and_is_named(measured):
    html = verdict_html(LabResult(measured.benchmark, None, "The sweep was not begun."))
    assert "<b>Sweep:</b> The sweep was not begun." in html
