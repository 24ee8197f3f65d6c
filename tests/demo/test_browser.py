"""The page as a person sees it: headless Chromium, a photo dropped in, everything found.

Set SCREENSHOTS to a folder to keep what the browser saw.
"""

from pathlib import Path

import pytest

ANSWER_MS = 60_000

pytestmark = pytest.mark.browser


def drop(tab, photo: Path) -> None:
    tab.set_input_files("#photo input[type=file]", photo)


@pytest.mark.parametrize(
    ("name", "width", "scheme"), [("wide", 1400, "light"), ("dark", 1400, "dark"), ("phone", 390, "light")]
)
def test_a_dropped_photo_is_answered_with_sentence_slider_chart_and_cut_out(
    visit, keep, cat_photo, name, width, scheme
):
    tab = visit(width=width, scheme=scheme)
    keep(tab, f"{name}-empty")
    drop(tab, cat_photo)
    tab.wait_for_selector(".verdict-same", timeout=ANSWER_MS)
    assert "of the pixels agree" in tab.inner_text(".verdict-same")
    assert "OpenVINO INT8 answered in" in tab.inner_text(".verdict-fast")
    tab.wait_for_selector("#slider img >> nth=1", timeout=ANSWER_MS)
    tab.wait_for_selector("#chart .js-plotly-plot .bars", timeout=ANSWER_MS)
    assert "ms" in tab.text_content("#chart .infolayer")
    assert tab.get_attribute("#difference img", "alt").endswith("of the pixels.")
    with tab.expect_download(timeout=ANSWER_MS) as download:
        tab.click("#cutout")
    assert download.value.suggested_filename == "cat-cutout.png"
    keep(tab, name)
    # Nothing sticks out sideways.
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_open_sections_stay_within_a_phone(visit, keep, cat_photo):
    tab = visit(width=390)
    drop(tab, cat_photo)
    tab.wait_for_selector(".verdict-same", timeout=ANSWER_MS)
    for section in ("Areas and confidence", "All figures", "The same from code"):
        tab.click(f"button:has-text('{section}')")
    tab.wait_for_selector("text=gradio_client", timeout=ANSWER_MS)
    keep(tab, "sections")
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_bad_file_is_refused_in_plain_words_and_the_next_photo_is_answered(visit, keep, cat_photo, tmp_path):
    bad = tmp_path / "holiday.jpg"
    bad.write_bytes(cat_photo.read_bytes()[:5000])
    tab = visit()
    drop(tab, bad)
    tab.wait_for_selector("text=holiday.jpg is damaged or cut short", timeout=ANSWER_MS)
    tab.wait_for_selector("text=Nothing to show", timeout=ANSWER_MS)
    keep(tab, "refused")
    tab.click("#photo button[aria-label='Clear'], #photo button[aria-label='Remove Image']")
    tab.wait_for_selector("text=Drop a photo of a cat", timeout=ANSWER_MS)
    drop(tab, cat_photo)
    tab.wait_for_selector(".verdict-same", timeout=ANSWER_MS)


def test_an_example_runs_at_once(visit):
    tab = visit()
    tab.click(".gallery-item, .gallery button >> nth=0")
    tab.wait_for_selector(".verdict-same", timeout=ANSWER_MS)


def test_choosing_another_backend_answers_anew(visit, cat_photo):
    tab = visit()
    drop(tab, cat_photo)
    tab.wait_for_selector(".verdict-same", timeout=ANSWER_MS)
    tab.click("#left input")
    tab.click("ul[role=listbox] >> text=TorchScript")
    tab.wait_for_selector("#captions >> text=TorchScript", timeout=ANSWER_MS)
    assert "TorchScript" in tab.inner_text(".verdict-fast")


def test_a_camera_snapshot_is_answered(visit):
    tab = visit()
    tab.click("#photo button[aria-label='Capture from camera']")
    tab.click("#photo button:has-text('Webcam')", timeout=ANSWER_MS)
    tab.wait_for_selector("#photo video", timeout=ANSWER_MS)  # hidden until the camera gives pictures
    tab.wait_for_function("document.querySelector('#photo video').currentTime > 0.5", timeout=ANSWER_MS)
    tab.click("#photo button[aria-label='capture photo']", timeout=ANSWER_MS)
    tab.wait_for_selector(".verdict-same", timeout=ANSWER_MS)
