"""The Video tab as a person sees it, with the real engine: a clip in, the result plays and downloads.

Set SCREENSHOTS to a folder to keep what the browser saw.
"""

import pytest

from demo.video_example import draw_clip
from engine.video.clip import Clip

ANSWER_MS = 60_000
RUN_MS = 180_000
PLAYS = """() => {
  const video = document.querySelector("#video-result video");
  return video && video.readyState >= 2 && [video.videoWidth, video.videoHeight, video.duration];
}"""

pytestmark = pytest.mark.browser


@pytest.fixture
def video(visit):
    def open_video(**window):
        tab = visit(**window)
        tab.click("button[role=tab]:has-text('Video')")
        tab.wait_for_selector("#video-run", timeout=ANSWER_MS)
        return tab

    return open_video


def take_example(tab) -> None:
    tab.click("#video-example")
    tab.wait_for_selector("#video-run:not([disabled])", timeout=ANSWER_MS)


@pytest.mark.parametrize(("name", "width", "scheme"), [("video-wide", 1400, "light"), ("video-phone", 390, "dark")])
def test_the_example_is_rendered_plays_and_downloads(video, keep, name, width, scheme, tmp_path):
    tab = video(width=width, scheme=scheme)
    keep(tab, f"{name}-empty")
    take_example(tab)
    assert "4.0 s, 640 x 360 px, 120 frames" in tab.inner_text("#clip-words")
    tab.click("#video-effect label:has-text('Cut-out')")
    tab.wait_for_selector("#video-color", timeout=ANSWER_MS)
    tab.click("#video-run")
    tab.wait_for_selector("#video-progress [role=progressbar]", timeout=ANSWER_MS)
    keep(tab, f"{name}-working")
    tab.wait_for_selector("#video-verdict .verdict-same", timeout=RUN_MS)
    assert "120 frames, a cat in all of them." in tab.inner_text("#video-verdict .verdict-same")
    tab.wait_for_function(PLAYS, timeout=ANSWER_MS)
    assert tab.evaluate(PLAYS) == [640, 360, 4]
    tab.wait_for_selector("#video-chart .js-plotly-plot .infolayer", state="attached", timeout=ANSWER_MS)
    keep(tab, name)
    # Nothing sticks out sideways.
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    with tab.expect_download(timeout=ANSWER_MS) as download:
        tab.click("#video-download")
    assert download.value.suggested_filename == "cat-cutout.mp4"
    download.value.save_as(tmp_path / "cat.mp4")
    with Clip(tmp_path / "cat.mp4") as clip:
        assert clip.info.frames == len([*clip.frames()]) == 120


def test_a_file_that_is_no_clip_is_refused_as_soon_as_it_is_dropped(video, tmp_path):
    (tmp_path / "junk.mp4").write_bytes(b"junk" * 100)
    tab = video()
    tab.set_input_files("#clip input[type=file]", str(tmp_path / "junk.mp4"))
    tab.wait_for_selector("#clip-words >> text=is not a clip we can read", timeout=ANSWER_MS)
    assert tab.is_disabled("#video-run")


def test_a_cancelled_run_keeps_what_is_done(video, tmp_path):
    draw_clip(tmp_path / "long.mp4", seconds=40)
    tab = video()
    tab.set_input_files("#clip input[type=file]", str(tmp_path / "long.mp4"))
    tab.wait_for_selector("#video-run:not([disabled])", timeout=ANSWER_MS)
    tab.click("#video-run")
    tab.wait_for_selector("#video-progress >> text=/Frame [0-9]+ of 1200/", timeout=ANSWER_MS)
    tab.click("#video-cancel")
    tab.wait_for_selector("#video-verdict >> text=Cancelled: this is what was rendered until then.", timeout=ANSWER_MS)
    tab.wait_for_function(PLAYS, timeout=ANSWER_MS)
    assert 0 < tab.evaluate(PLAYS)[2] < 40
    tab.wait_for_selector("#video-run:not([disabled])", timeout=ANSWER_MS)
