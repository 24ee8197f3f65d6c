"""The page as a person sees it: headless Chromium, a photo dropped in, everything found.

Set SCREENSHOTS to a folder to keep what the browser saw.
"""

import pytest
from photo_tab import (
    ANSWER_MS,
    answer_to,
    answered,
    choose,
    pixel,
    pressed,
    seen,
    stays_within_the_window,
    timed,
    verdict,
)
from PIL import Image

# A camera whose left half is red and whose right half is blue.
TWO_COLOURS = """
navigator.mediaDevices.getUserMedia = async () => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 480 });
  const brush = canvas.getContext("2d");
  setInterval(() => {
    brush.fillStyle = "#ff0000"; brush.fillRect(0, 0, 320, 480);
    brush.fillStyle = "#0000ff"; brush.fillRect(320, 0, 320, 480);
  }, 50);
  return canvas.captureStream(20);
};
"""
CLEAR = "#photo button[aria-label='Clear'], #photo button[aria-label='Remove Image']"

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    ("name", "width", "scheme"), [("wide", 1400, "light"), ("dark", 1400, "dark"), ("phone", 390, "light")]
)
def test_a_photo_is_answered_with_sentence_cut_out_slider_and_chart(
    visit, keep, cat_photo, tmp_path, name, width, scheme
):
    tab = visit(width=width, scheme=scheme)
    keep(tab, f"{name}-empty")
    choose(tab, cat_photo)
    answered(tab)
    assert tab.inner_text("#verdict h2").startswith("A cat, found in ")
    assert tab.get_attribute("#result img", "alt").startswith("Cut-out. A cat covers ")
    said = timed(tab)
    assert "OpenVINO INT8 takes " in said or "cannot be told" in said
    assert " agree on " in tab.inner_text(".same-said")
    for side in (0, 1):
        seen(tab, f"#slider img.side-{side}")
    tab.wait_for_selector("#chart .js-plotly-plot .bars", state="attached", timeout=ANSWER_MS)
    assert "ms" in tab.text_content("#chart .infolayer")
    assert tab.get_attribute("#difference img", "alt").endswith("of the pixels.")
    assert pressed(tab, "#cutout", tmp_path / "cutout.png") == "cat-cutout.png"
    with Image.open(tmp_path / "cutout.png") as file:
        assert (file.size, file.mode) == ((451, 300), "RGBA")
        assert file.text["Lane"] == "fastsegnet:openvino-int8"
    keep(tab, name)
    # Nothing sticks out sideways.
    assert stays_within_the_window(tab)


def test_the_first_screen_of_a_phone_holds_sentence_and_picture(visit, cat_photo):
    tab = visit(width=390, height=844)
    answer_to(tab, cat_photo)
    tab.evaluate("window.scrollTo(0, 0)")
    for place in ("#verdict h2", "#result img"):
        box = tab.locator(place).bounding_box()
        assert box["y"] + box["height"] <= 844, place


def test_open_sections_stay_within_a_phone(visit, keep, cat_photo):
    tab = visit(width=390)
    answer_to(tab, cat_photo)
    for section in ("Areas and confidence", "All figures", "The same from code"):
        tab.click(f"button:has-text('{section}')")
    tab.wait_for_selector("text=gradio_client", timeout=ANSWER_MS)
    keep(tab, "sections")
    assert stays_within_the_window(tab)


def test_a_bad_file_is_refused_where_the_result_would_be_and_the_next_photo_is_answered(
    visit, keep, cat_photo, tmp_path
):
    bad = tmp_path / "holiday.jpg"
    bad.write_bytes(cat_photo.read_bytes()[:5000])
    tab = visit()
    choose(tab, bad)
    tab.wait_for_selector("#verdict .trouble[role=alert]", timeout=ANSWER_MS)
    assert "holiday.jpg is damaged or cut short" in tab.inner_text("#verdict")
    assert not tab.query_selector("#result img")
    assert not tab.is_visible("#cutout")
    keep(tab, "refused")
    tab.click(CLEAR)
    tab.wait_for_selector("text=Drop a photo of a cat", timeout=ANSWER_MS)
    tab.wait_for_selector(".empty-title", timeout=ANSWER_MS)
    answer_to(tab, cat_photo)
    assert "A cat" in verdict(tab, "found in")


def test_an_example_runs_at_once(visit):
    tab = visit()
    tab.click("#examples button >> nth=0")
    answered(tab)
    timed(tab)


def test_the_examples_say_what_they_are(visit):
    tab = visit()
    tab.wait_for_selector("#examples img[alt='Example: cat and dog']", timeout=ANSWER_MS)
    texts = [img.get_attribute("alt") for img in tab.query_selector_all("#examples img")]
    assert len(set(texts)) == 6


def test_another_left_backend_is_compared_and_timed_anew(visit, cat_photo):
    tab = visit()
    answer_to(tab, cat_photo)
    picture = tab.get_attribute("#result img", "src")
    tab.click("#left input")
    tab.click("ul[role=listbox] >> text=TorchScript")
    tab.wait_for_selector(".captions >> text=TorchScript", timeout=ANSWER_MS)
    assert "OpenVINO INT8 and TorchScript agree on" in tab.inner_text(".same-said")
    chosen = "document.querySelector('#chart .js-plotly-plot')?.textContent.includes('TorchScript ◂')"
    tab.wait_for_function(chosen, timeout=ANSWER_MS)
    timed(tab)
    assert tab.get_attribute("#result img", "src") == picture  # the answer is the right one's


def test_another_right_backend_answers_anew(visit, cat_photo):
    tab = visit()
    answer_to(tab, cat_photo)
    tab.click("#right input")
    tab.click("ul[role=listbox] li:has-text('PyTorch')")
    tab.wait_for_selector(".captions >> text=PyTorch", timeout=ANSWER_MS)
    assert "PyTorch and OpenVINO FP32 agree on" in tab.inner_text(".same-said")
    tab.wait_for_function(
        "/PyTorch takes|cannot be told/.test(document.querySelector('.speed-said')?.innerText)", timeout=ANSWER_MS
    )


def test_the_line_between_the_two_moves_by_arrow_keys(visit, cat_photo):
    tab = visit()
    answer_to(tab, cat_photo)
    tab.focus("#slider input[type=range]")
    for _ in range(3):
        tab.keyboard.press("ArrowRight")
    assert tab.input_value("#slider input[type=range]") == "53"
    at = "document.querySelector('#slider .compare').style.getPropertyValue('--at')"
    assert tab.evaluate(at) == "53%"
    tab.keyboard.press("Home")
    assert tab.evaluate(at) == "0%"


def snapshot(tab) -> None:
    """Takes a picture with the camera of the Photo tab."""
    tab.click("#photo button[aria-label='Capture from camera']")
    tab.click("#photo button:has-text('Webcam')", timeout=ANSWER_MS)
    tab.wait_for_selector("#photo video", timeout=ANSWER_MS)  # hidden until the camera gives pictures
    tab.wait_for_function("document.querySelector('#photo video').currentTime > 0.5", timeout=ANSWER_MS)
    tab.click("#photo button[aria-label='capture photo']", timeout=ANSWER_MS)


def test_a_camera_snapshot_is_answered(visit):
    tab = visit()
    snapshot(tab)
    answered(tab)
    timed(tab)


def test_a_camera_snapshot_is_not_mirrored(visit):
    tab = visit()
    tab.evaluate(TWO_COLOURS)
    snapshot(tab)
    answered(tab)
    seen(tab, "#photo img")
    (red, _, blue, _), (other_red, _, other_blue, _) = (pixel(tab, "#photo img", x, 0.5) for x in (0.2, 0.8))
    assert red > 200 > 60 > blue
    assert other_blue > 200 > 60 > other_red
