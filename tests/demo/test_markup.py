"""The HTML of a result: what it says, to whom, and that nothing in it can break it."""

import re
from dataclasses import replace
from html import unescape

import numpy as np
import pytest

from demo import markup
from demo.answers import Answers, Seen
from demo.comparison import Comparison, compare
from demo.timing import Timings
from engine.latency import Measurement
from engine.segmenter import Segmentation

LEFT, RIGHT = "openvino-fp32", "openvino-int8"
NASTY = '<img src=x onerror="alert(1)">'


@pytest.fixture
def see(fake_lanes):
    """`see(path)` is the fake's answer to a photo."""
    answers = Answers(fake_lanes)
    return lambda path: answers.see(path, LEFT).segmentation


@pytest.fixture
def comparison(fake_lanes, half_photo) -> Comparison:
    return compare(fake_lanes, Answers(fake_lanes), half_photo, LEFT, RIGHT)


def alt_of(html: str) -> str:
    """The one alternative text."""
    (text,) = re.findall(r'alt="([^"]*)"', html)
    return unescape(text)


def test_a_files_address_is_relative_so_that_the_page_may_live_behind_a_prefix():
    assert markup.file_url("/tmp/a b/shown#1.png") == "gradio_api/file=/tmp/a%20b/shown%231.png"


def test_the_verdict_tells_the_pet_first(see, half_photo):
    html = markup.verdict_html(see(half_photo))
    assert "role=" not in html  # the place that it is put in is read out (access.js)
    assert 'class="verdict found"' in html
    assert re.search(r"<h2[^>]*>A cat, found in \d+\.\d ms\.</h2>", html)
    assert "The picture is 5" in html
    assert "touched up" not in html


def test_the_verdict_says_what_was_touched_up(see, half_photo):
    html = markup.verdict_html(see(half_photo), touched_up=True)
    assert "A cat, touched up by hand." in html
    assert "A cat covers 50.0 % of the picture." in html


def test_the_verdict_of_what_is_not_sure(see, unsure_photo, wall_photo):
    assert "Perhaps a cat." in markup.verdict_html(see(unsure_photo))
    assert 'class="verdict unsure"' in markup.verdict_html(see(unsure_photo))
    assert 'class="verdict nothing"' in markup.verdict_html(see(wall_photo))
    assert "No cat or dog found." in markup.verdict_html(see(wall_photo))


def test_the_result_says_in_words_what_it_shows(see, half_photo, unsure_photo, wall_photo):
    assert alt_of(markup.result_html("/a/shown.png", see(half_photo), "Cut-out")).startswith("Cut-out. A cat covers 5")
    assert alt_of(markup.result_html("/a/shown.jpg", see(unsure_photo), "Cut-out")).startswith("Perhaps a cat covers ")
    assert alt_of(markup.result_html("/a/shown.jpg", see(wall_photo), "Cut-out")) == "No cat or dog found."


def test_a_file_that_browsers_cannot_show_has_a_preview(see, half_photo):
    html = markup.result_html("/a/shown.png", see(half_photo), "Cut-out", preview="/a/photo 1.jpg")
    assert 'data-preview="gradio_api/file=/a/photo%201.jpg"' in html
    assert "data-preview" not in markup.result_html("/a/shown.png", see(half_photo), "Cut-out")


def test_a_note_is_announced_and_its_words_cannot_break_the_page():
    html = markup.note_html(NASTY)
    assert 'role="status"' in html
    assert "<img" not in html


def test_a_transparent_picture_stands_on_a_checkerboard(see, half_photo):
    seen = see(half_photo)
    assert "checkered" in markup.result_html("/a/shown.png", seen, "Cut-out")
    assert "checkered" not in markup.result_html("/a/shown.jpg", seen, "Blur")


def test_names_of_files_cannot_break_the_page(see, half_photo):
    html = markup.result_html(f"/a/{NASTY}.png", see(half_photo), NASTY)
    assert "<img src=x" not in html
    assert html.count("<img") == 1


def test_a_refusal_is_announced_and_its_words_cannot_break_the_page():
    html = markup.trouble_html(f"{NASTY}.jpg is not a picture we can read.")
    assert 'class="trouble" role="alert"' in html
    assert "<img" not in html
    assert "is not a picture we can read." in html
    assert "<img" not in markup.working_html(NASTY)


def test_names_of_a_models_classes_cannot_break_the_page(spec):
    objects = [replace(each, name=NASTY) for each in spec.objects[:1]]
    nasty = replace(spec, classes=[spec.classes[0], *objects, *spec.classes[2:]])
    logits = np.zeros((4, *spec.size_hw), np.float32)
    logits[1] = 9
    answer = Segmentation(np.ones((2, 2), np.uint8), logits, {}, nasty, logits)
    seen = Seen(None, LEFT, answer)
    both = Comparison(seen, seen, {LEFT: NASTY})
    for html in (
        markup.verdict_html(answer),
        markup.result_html("/a/shown.jpg", answer, "Blur"),
        markup.comparison_html(both, "/a.jpg", "/b.jpg"),
        markup.areas_html(both.left, both.right),
    ):
        assert "<img src=x" not in html


def test_the_comparison_says_which_side_is_which_and_what_it_executes(comparison):
    html = markup.comparison_html(comparison, "/a/left.jpg", "/a/right.jpg")
    assert "OpenVINO INT8 and OpenVINO FP32 agree on " in html
    assert html.index("◧ OpenVINO FP32") < html.index("◨ OpenVINO INT8")
    assert html.count("executes FP32") == 2
    texts = [unescape(text) for text in re.findall(r'alt="([^"]*)"', html)]
    assert [text.partition(" covers")[0] for text in texts] == ["OpenVINO FP32: A cat", "OpenVINO INT8: A cat"]
    assert re.search(r'<input type="range"[^>]* aria-label="Line between the two backends', html)


def test_the_difference_is_told_in_words_beside_and_for_who_cannot_see_it(comparison):
    html = markup.difference_html(replace_agreement(comparison, 0.996), "/a/difference.jpg")
    text = "OpenVINO FP32 and OpenVINO INT8 differ on 0.4 % of the pixels."
    assert alt_of(html) == text
    assert f"<figcaption>{text}</figcaption>" in html


def replace_agreement(comparison: Comparison, agreement: float) -> Comparison:
    comparison.__dict__["agreement"] = agreement
    return comparison


def test_areas_and_confidence_stand_in_a_table_with_heads(comparison):
    html = markup.areas_html(comparison.left, comparison.right)
    assert re.findall(r'<th scope="col">([^<]*)</th>', html) == ["OpenVINO FP32", "OpenVINO INT8"]
    assert re.findall(r'<th scope="row">([^<]*)</th>', html) == ["cat", "dog", "background", "confidence"]
    shares = [float(share) for share in re.findall(r"</span>(\d+\.\d) %", html)]
    assert shares[0] + shares[2] + shares[4] == pytest.approx(100, abs=0.2)


def test_confidence_says_what_it_is_worth(see, half_photo, unsure_photo, wall_photo):
    assert re.fullmatch(r"\d+\.\d %", markup.confidence_text(see(half_photo)))
    # 2 e^0.125 / (2 e^0.125 + 1) = 0.694
    assert markup.confidence_text(see(unsure_photo)) == "69.4 %, not sure"
    assert markup.confidence_text(see(wall_photo)) == "no pet"


def timings(failures: dict[str, str]) -> Timings:
    rounds = np.full((9, 3), 2.0)
    return Timings(Measurement({"torch": 2 * rounds, RIGHT: rounds}, np.zeros(9)), failures)


def test_the_speed_is_told_and_who_cannot_answer():
    html = markup.speed_html(RIGHT, LEFT, timings({"torchscript": "It is missing.", LEFT: "It is missing."}))
    assert '<p class="speed-said">OpenVINO INT8 takes 6.0 ms here: 2.0x faster than PyTorch (2.0 to 2.0).</p>' in html
    assert "TorchScript and OpenVINO FP32 cannot answer here: It is missing." in html


def test_reasons_cannot_break_the_page():
    assert "<img" not in markup.speed_html(RIGHT, LEFT, timings({"torchscript": NASTY}))
