"""The Lab tab as a person sees it, with the real engine: the button, the sentence, the charts, what can be taken away.

Set SCREENSHOTS to a folder to keep what the browser saw.
"""

import csv
from pathlib import Path

import pytest

ANSWER_MS = 60_000
RUN_MS = 180_000
PARTLY_DONE = "Number(document.querySelector('#lab-progress [role=progressbar]')?.ariaValueNow) >= 10"

pytestmark = pytest.mark.browser


@pytest.fixture
def lab(visit):
    """Opens the Lab with two backends and the shortest run."""

    def open_lab(**window):
        tab = visit(**window)
        tab.click("button[role=tab]:has-text('Lab')")
        tab.wait_for_selector("#lab-run", timeout=ANSWER_MS)
        for backend in ("PyTorch", "TorchScript"):
            tab.click(f"#lab-backends label:has-text('{backend}')")
        type_in(tab, "#lab-seconds", "2")
        return tab

    return open_lab


def type_in(tab, slider: str, number: str) -> None:
    tab.fill(f"{slider} input[type=number]", number)
    tab.press(f"{slider} input[type=number]", "Enter")
    tab.wait_for_timeout(500)


@pytest.mark.parametrize(("name", "width", "scheme"), [("lab-wide", 1440, "light"), ("lab-phone", 390, "dark")])
def test_a_run_is_watched_and_answered_with_sentence_charts_and_files(lab, keep, name, width, scheme, tmp_path):
    tab = lab(width=width, scheme=scheme)
    keep(tab, f"{name}-empty")
    tab.click("#lab-run")
    tab.wait_for_selector("#lab-progress [role=progressbar]", timeout=ANSWER_MS)
    keep(tab, f"{name}-working")
    tab.wait_for_selector("#lab-verdict .verdict-same", timeout=RUN_MS)
    assert " answers in " in tab.inner_text("#lab-verdict .verdict-same")
    for chart in ("distribution", "speed-up", "stages", "pareto"):
        tab.wait_for_selector(f"#lab-{chart} .js-plotly-plot .infolayer", state="attached", timeout=ANSWER_MS)
    assert "OpenVINO INT8" in tab.text_content("#lab-distribution .infolayer")
    assert "INT8 layers" in tab.inner_text("#lab-layers")
    assert "python -m engine benchmark --backends openvino-fp32,openvino-int8" in tab.inner_text("#lab-command")
    keep(tab, name)
    # Nothing sticks out sideways.
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    with tab.expect_download(timeout=ANSWER_MS) as download:
        tab.click("#lab-csv")
    download.value.save_as(tmp_path / "samples.csv")
    with (tmp_path / "samples.csv").open() as file:
        assert {row["backend"] for row in csv.DictReader(file)} == {"openvino-fp32", "openvino-int8"}
    with tab.expect_download(timeout=ANSWER_MS) as download:
        tab.click("#lab-png")
    assert download.value.suggested_filename == "whisker-charts.png"
    assert Path(download.value.path()).read_bytes().startswith(b"\x89PNG")


def test_a_cancelled_run_says_so_and_the_button_is_ready_again(lab):
    tab = lab()
    type_in(tab, "#lab-seconds", "60")
    tab.click("#lab-run")
    tab.wait_for_selector("#lab-progress >> text=Timing the backends", timeout=ANSWER_MS)
    tab.wait_for_function(PARTLY_DONE, timeout=ANSWER_MS)
    tab.click("#lab-cancel")
    tab.wait_for_selector("#lab-verdict >> text=Cancelled: this is what was measured until then.", timeout=ANSWER_MS)
    tab.wait_for_selector("#lab-run:not([disabled])", timeout=ANSWER_MS)


def test_a_run_without_backends_is_refused_in_plain_words(lab):
    tab = lab()
    for backend in ("OpenVINO FP32", "OpenVINO INT8"):
        tab.click(f"#lab-backends label:has-text('{backend}')")
    tab.click("#lab-run")
    tab.wait_for_selector("text=No backend is chosen. Tick at least one.", timeout=ANSWER_MS)
    tab.wait_for_selector("#lab-run:not([disabled])", timeout=ANSWER_MS)
