"""The Video tab's handlers as plain functions: what a clip is, a run from the button to the files, and its words."""

import json
import sys
from pathlib import Path

import gradio as gr
import pytest

from demo import video_markup, video_words
from demo.video import ALONE, VideoHandlers, VideoOptions, draw_example, ready, show
from demo.video_example import draw_clip
from engine.errors import InputError
from engine.video.clip import Clip

FAKE = (sys.executable, str(Path(__file__).with_name("fake_video.py")))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    """Where Gradio keeps its files."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    return tmp_path / "gradio"


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("clips") / "tom.mp4"
    draw_clip(path, seconds=0.5, size_hw=(96, 160))
    return str(path)


@pytest.fixture
def handlers(fake_lanes) -> VideoHandlers:
    return VideoHandlers(fake_lanes, FAKE)


@pytest.fixture
def rendered(handlers, clip):
    """`rendered(effect=...)` is what a run gives."""

    def run(**choices):
        return [*handlers.render("me", *chosen(clip, **choices))][-1][1]

    return run


def chosen(clip: str | None, **choices) -> list:
    """The inputs of the tab, in their order."""
    return list(vars(VideoOptions(clip, **choices)).values())


def test_a_clip_is_described_as_soon_as_it_is_there(handlers, clip):
    said, is_good = handlers.describe_clip(clip)
    assert is_good
    assert "0.5 s, 160 x 96 px, 15 frames (30 a second), h264, no sound." in said


def test_a_clip_that_is_refused_says_why_and_cannot_be_rendered(handlers, tmp_path):
    (tmp_path / "junk.mp4").write_bytes(b"<b>junk")
    said, is_good = handlers.describe_clip(str(tmp_path / "junk.mp4"))
    assert not is_good
    assert "Not this one." in said
    assert "junk.mp4 is not a clip we can read" in said


def test_without_a_clip_the_limits_are_said(handlers):
    said, is_good = handlers.describe_clip(None)
    assert not is_good
    assert "at most 10:00 minutes, 4096 px on a side, 1000 MB" in said


def test_the_example_is_a_clip_of_four_seconds(folder):
    path = Path(draw_example())
    assert path.is_relative_to(folder)
    with Clip(path) as clip:
        assert clip.info.seconds == pytest.approx(4.0)
        assert clip.info.size_hw == (360, 640)


def test_a_run_says_how_far_it_is_and_ends_with_the_clip_and_its_figures(handlers, clip, folder):
    *steps, (progress, done) = handlers.render("me", *chosen(clip, effect="blur"))
    assert any("Frame 90 of 360, 45.0 frames a second" in html and "about 4 s left" in html for html, _ in steps)
    assert progress == ""
    assert done.path.name == "tom-blur.mp4"
    assert done.path.is_relative_to(folder)
    assert done.path.read_bytes() == Path(clip).read_bytes()
    assert done.result["out"] == "tom-blur.mp4"  # not where it lies on the server


def test_cancelling_keeps_what_is_done_and_says_so(handlers, clip):
    running = handlers.render("me", *chosen(clip, backend="torch"))
    for html, _ in running:
        if "Frame" in html:
            handlers.cancel("me")
            break
    *steps, (_, done) = running
    assert any("Writing what is done" in html for html, _ in steps)
    assert done.result["cancelled"]
    assert done.path.is_file()
    assert "Cancelled: this is what was rendered until then." in video_markup.verdict_html(done.result)


def test_a_run_that_is_cancelled_in_the_line_never_begins(handlers, clip, folder):
    handlers.line_up("me")
    handlers.cancel("me")
    ((html, done),) = handlers.render("me", *chosen(clip))
    assert "Cancelled before it began." in html
    assert done is None
    assert not folder.exists()


def test_a_viewer_who_leaves_ends_the_run_and_leaves_no_file(handlers, clip, folder):
    running = handlers.render("me", *chosen(clip, backend="torch"))
    next(html for html, _ in running if "Frame" in html)
    running.close()
    assert [*folder.iterdir()] == []


def test_a_refusal_is_shown_in_the_commands_words_and_leaves_no_file(handlers, clip, folder):
    with pytest.raises(gr.Error, match="There is no effect 'sticker' here"):
        [*handlers.render("me", *chosen(clip, effect="sticker"))]
    assert [*folder.iterdir()] == []


@pytest.mark.parametrize(
    ("choices", "words"),
    [({"clip": None}, "There is no clip yet"), ({"effect": "replace"}, "There is no picture for the background yet")],
)
def test_what_is_missing_is_asked_for(handlers, clip, choices, words):
    with pytest.raises(gr.Error, match=words):
        [*handlers.render("me", *chosen(**{"clip": clip, **choices}))]


def test_choices_become_the_options_of_the_command(clip):
    words = VideoOptions(clip, "torch", ALONE, "cutout", "rgba(0, 158, 115, 1)", None, 3.0, "fine").arguments(
        "fastsegnet", Path("out.mp4")
    )
    assert words == [
        *("video", clip, "out.mp4", "--model", "fastsegnet", "--backend", "torch", "--effect", "cutout"),
        *("--edge", "fine", "--color", "#009e73", "--blur", "0.03"),
    ]
    beside = VideoOptions(clip, "torch", "openvino-int8", "replace", background="b.jpg").arguments("m", Path("o.mp4"))
    assert beside[-4:] == ["--compare", "openvino-int8", "--background", "b.jpg"]
    assert "--compare" not in VideoOptions(clip, "torch", "torch").arguments("m", Path("o.mp4"))
    with pytest.raises(InputError):
        VideoOptions(None).arguments("m", Path("o.mp4"))


def test_the_outputs_are_the_sentence_the_clip_and_what_can_be_taken_away(rendered):
    done = rendered()
    empty, results, verdict, video, download, figures, chart, numbers = show(done)
    assert (empty["visible"], results["visible"]) == (False, True)
    assert "12.0 s of video in 8.0 s, 1.5x real time: 360 frames, a cat in 98.0 % of them." in verdict
    assert video == download == str(done.path)
    assert json.loads(Path(figures).read_text()) == numbers == done.result
    assert [trace.name for trace in chart.data] == ["OpenVINO INT8"]


def test_without_a_result_the_tab_is_empty_again():
    empty, results, *_ = show(None)
    assert (empty["visible"], results["visible"]) == (True, False)
    assert [update["interactive"] for update in ready()] == [True, False]


def test_two_backends_race_in_words_and_in_the_chart(rendered):
    done = rendered(compare="openvino-fp32")
    assert video_words.race(done.result) == (
        "OpenVINO INT8 took 8.0 ms a frame, 1.5x faster than OpenVINO FP32 on the same frames; 99.5 % of the pixels "
        "agree, at the least 98.1 % (at 3.2 s)."
    )
    chart = video_markup.latency_chart(done.result)
    assert [trace.name for trace in chart.data] == ["OpenVINO INT8", "OpenVINO FP32"]
    assert "OpenVINO FP32</b> median 12.0 ms" in chart.layout.annotations[0].text


def test_a_long_clip_has_the_slowest_frames_faintly_in_its_chart(rendered):
    result = rendered().result
    result["over_time"]["frames_a_point"] = 30
    chart = video_markup.latency_chart(result)
    assert [trace.opacity for trace in chart.data] == [0.35, None]
    assert "30 frames a point (faint: the slowest of them)" in chart.layout.xaxis.title.text


@pytest.mark.parametrize(
    ("presence", "perhaps", "words"),
    [
        ({"cat": 0.98, "dog": 0.0}, {"cat": 0.0, "dog": 0.0}, "a cat in 98.0 % of them"),
        ({"cat": 1.0, "dog": 0.031}, {"cat": 0.0, "dog": 0.0}, "a cat in all of them, a dog in 3.1 %"),
        ({"cat": 0.9, "dog": 0.0}, {"cat": 0.06, "dog": 0.0}, "a cat in 90.0 % of them, perhaps a cat in 6.0 %"),
        (
            {"cat": 0.0, "dog": 0.0},
            {"cat": 0.02, "dog": 0.12},
            "perhaps a dog in 12.0 % of them, perhaps a cat in 2.0 %",
        ),
        ({"cat": 0.0, "dog": 0.0}, {"cat": 0.0, "dog": 1.0}, "perhaps a dog in all of them"),
        ({"cat": 0.0, "dog": 0.0}, {"cat": 0.0, "dog": 0.0}, "no cat or dog in any of them"),
    ],
)
def test_what_is_in_the_clip_is_said(presence, perhaps, words):
    assert video_words.shown(presence, perhaps) == words


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        (1.5, "1.5x faster than OpenVINO FP32"),
        (0.5, "2.0x slower than OpenVINO FP32"),
        (1.04, "no faster or slower than OpenVINO FP32"),
        (0.96, "no faster or slower than OpenVINO FP32"),
    ],
)
def test_a_lead_in_medians_is_said_and_a_slight_one_is_none(ratio, words):
    assert video_words.against("openvino-fp32", ratio) == words
