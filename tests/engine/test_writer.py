"""Writing clips: moments, colours and sound come out as they went in; the file is there whole or not at all."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clips import CORNERS, corner_colors, corners, is_near, make_clip, packets, shown, sound_span

from engine.errors import InputError, OutputError
from engine.video.clip import Clip
from engine.video.writer import Format, open_writer

FRAME = corners((48, 64))
SIMPLE = Format((48, 64), Fraction(1, 30), 30.0)


def copy(source, target, frames=None):
    """The clip written again, all of it or its first frames."""
    with Clip(source) as clip:
        info = clip.info
        kind = Format(info.size_hw, clip.time_base, info.rate, info.pixel_aspect)
        with open_writer(target, kind, source) as writer:
            for number, frame in enumerate(clip.frames()):
                if number == frames:
                    break
                writer.write(frame.image, frame.pts, frame.duration)
            writer.finish(cut_sound=frames is not None)
    return writer


@pytest.mark.parametrize(
    ("name", "time_base", "moments"),
    [
        ("even.mp4", Fraction(1, 30), list(range(20))),
        ("ntsc.mov", Fraction(1, 30_000), [1001 * i for i in range(20)]),
        ("varied.mp4", Fraction(1, 15_360), [0, 7, 512, 513, 9000, 9001, 40_000]),
        ("later.mp4", Fraction(1, 1000), [250, 300, 333, 1000]),
        ("web.webm", Fraction(1, 1000), [0, 33, 67, 100, 200, 1000]),
        ("old.avi", Fraction(1001, 30_000), list(range(12))),
    ],
)
def test_every_frame_keeps_its_moment(tmp_path, name, time_base, moments):
    codec = {"web.webm": "libvpx", "old.avi": "mpeg4"}.get(name, "libx264")
    source = make_clip(tmp_path / name, [FRAME] * len(moments), moments, time_base, codec, sounds=[])
    copy(source, tmp_path / "out.mp4")
    assert [second for second, _ in shown(tmp_path / "out.mp4")] == [second for second, _ in shown(source)]


def test_the_last_frame_is_shown_as_long_as_the_others(tmp_path):
    source = make_clip(tmp_path / "a.mp4", [FRAME] * 30)
    writer = copy(source, tmp_path / "out.mp4")
    assert writer.seconds == pytest.approx(1.0)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.duration == 1_000_000  # microseconds


def test_a_last_frame_that_stands_longer_does_so(tmp_path):
    with open_writer(tmp_path / "a.mp4", SIMPLE) as writer:
        for pts in range(10):
            writer.write(FRAME, pts, 1 if pts < 9 else 36)
        writer.finish()
    assert writer.seconds == pytest.approx(1.5)  # 9 + 36 units of 1/30 s
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.duration == 1_500_000


@pytest.mark.parametrize("color", ["#009E73", "#E69F00", "#0072B2", "#FF0000", "#FFFFFF", "#000000", "#0CC863"])
def test_a_colour_comes_out_as_it_went_in(tmp_path, color):
    wanted = tuple(bytes.fromhex(color[1:]))
    with open_writer(tmp_path / "a.mp4", SIMPLE) as writer:
        for pts in range(5):
            writer.write(np.full((48, 64, 3), wanted, np.uint8), pts)
        writer.finish()
    with Clip(tmp_path / "a.mp4") as clip:
        for frame in clip.frames():
            assert is_near(frame.image[24, 32], wanted, 3)


def test_the_file_says_how_its_colours_are_meant(tmp_path):
    copy(make_clip(tmp_path / "a.mp4", [FRAME] * 2), tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        frame = next(container.decode(video=0))
        # BT.709 is 1 in all three lists of the standard; limited range is 1.
        assert (frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range) == (1, 1, 1, 1)
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"


def test_odd_sizes_repeat_their_last_row_and_column(tmp_path):
    image = corners((47, 63))
    with open_writer(tmp_path / "a.mp4", Format((47, 63), Fraction(1, 30), 30.0)) as writer:
        for pts in range(3):
            writer.write(image, pts)
        writer.finish()
    (_, first), *_ = shown(tmp_path / "a.mp4")
    assert first.shape == (48, 64, 3)
    assert is_near(first[47, 63], CORNERS[3], 6)
    for color, wanted in zip(corner_colors(first[:47, :63]), CORNERS, strict=True):
        assert is_near(color, wanted, 6)


def test_pixels_that_are_not_square_stay_so(tmp_path):
    source = make_clip(tmp_path / "a.mp4", [FRAME] * 2, pixel_aspect=Fraction(4, 3))
    copy(source, tmp_path / "out.mp4")
    with Clip(tmp_path / "out.mp4") as clip:
        assert clip.info.pixel_aspect == Fraction(4, 3)


@pytest.mark.parametrize(
    ("name", "sound"),
    [("a.mp4", "aac"), ("a.mp4", "libmp3lame"), ("a.mp4", "ac3"), ("a.webm", "libopus"), ("a.mkv", "flac")],
)
def test_sound_that_mp4_takes_is_copied_bit_by_bit(tmp_path, name, sound):
    codec = "libvpx" if name.endswith("webm") else "libx264"
    source = make_clip(tmp_path / name, [FRAME] * 60, codec=codec, sounds=[sound])
    copy(source, tmp_path / "out.mp4")
    assert packets(tmp_path / "out.mp4") == packets(source)


@pytest.mark.parametrize("name", ["a.mov", "a.mkv", "a.avi"])
def test_other_sound_becomes_aac_of_the_same_length(tmp_path, name):
    codec = "mpeg4" if name.endswith("avi") else "libx264"
    source = make_clip(tmp_path / name, [FRAME] * 60, codec=codec, sounds=["pcm_s16le"])
    copy(source, tmp_path / "out.mp4")
    with Clip(tmp_path / "out.mp4") as clip:
        assert clip.info.sounds == ("aac",)
    begin, end = sound_span(tmp_path / "out.mp4")
    assert begin == pytest.approx(sound_span(source)[0], abs=0.001)
    assert end == pytest.approx(2.0, abs=0.022)  # a packet of AAC is 1024 samples, 21 ms


def test_all_sound_tracks_are_kept(tmp_path):
    source = make_clip(tmp_path / "a.mp4", [FRAME] * 30, sounds=["aac", "libmp3lame"])
    copy(source, tmp_path / "out.mp4")
    assert [len(packets(tmp_path / "out.mp4", track)) for track in (0, 1)] == [
        len(packets(source, track)) for track in (0, 1)
    ]


@pytest.mark.parametrize(("codec", "begin"), [("aac", 0.4567), ("pcm_s16le", 0.4567), ("aac", 0.0)])
def test_sound_that_begins_later_than_the_picture_still_does(tmp_path, codec, begin):
    source = make_clip(tmp_path / "a.mov", [FRAME] * 60, sounds=[codec], sound_from=begin, sound_seconds=1.0)
    copy(source, tmp_path / "out.mp4")
    assert sound_span(tmp_path / "out.mp4")[0] == pytest.approx(sound_span(source)[0], abs=0.0004)


def test_sound_that_goes_on_after_the_picture_is_kept_to_its_end(tmp_path):
    source = make_clip(tmp_path / "a.mp4", [FRAME] * 30, sounds=["aac"], sound_seconds=3.0)
    copy(source, tmp_path / "out.mp4")
    assert packets(tmp_path / "out.mp4") == packets(source)


@pytest.mark.parametrize("sound", ["aac", "pcm_s16le"])
def test_of_a_clip_that_is_cut_the_sound_ends_with_the_picture(tmp_path, sound):
    source = make_clip(tmp_path / "a.mov", [FRAME] * 90, sounds=[sound])
    copy(source, tmp_path / "out.mp4", frames=30)
    assert len(shown(tmp_path / "out.mp4")) == 30
    assert sound_span(tmp_path / "out.mp4")[1] == pytest.approx(1.0, abs=0.022)


def test_the_index_comes_first_so_that_a_page_can_play_at_once(tmp_path):
    copy(make_clip(tmp_path / "a.mp4", [FRAME] * 30), tmp_path / "out.mp4")
    written = (tmp_path / "out.mp4").read_bytes()
    assert written.index(b"moov") < written.index(b"mdat")


def test_nothing_is_left_where_writing_failed(tmp_path):
    source = make_clip(tmp_path / "a.mp4", [FRAME] * 30, sounds=["aac"])

    def fail_midway():
        with open_writer(tmp_path / "out.mp4", SIMPLE, source) as writer:
            writer.write(FRAME, 0)
            raise RuntimeError("midway")

    with pytest.raises(RuntimeError, match="midway"):
        fail_midway()
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_only_mp4_is_written_and_never_over_the_clip_itself(tmp_path):
    source = make_clip(tmp_path / "a.mp4", [FRAME] * 2)
    with pytest.raises(InputError, match=r"Name a file that ends in \.mp4"), open_writer(tmp_path / "a.webm", SIMPLE):
        pass
    (tmp_path / "link.mp4").symlink_to(source)
    for name in ("a.mp4", "link.mp4"):
        with (
            pytest.raises(InputError, match="is the clip that is read"),
            open_writer(tmp_path / name, SIMPLE, source),
        ):
            pass


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    if not (full := Path("/dev/full")).exists():
        pytest.skip("needs /dev/full")
    (tmp_path / ".out.mp4.partial").symlink_to(full)
    noise = np.random.default_rng(0).integers(0, 255, (200, 48, 64, 3), dtype=np.uint8)

    def fill():
        with open_writer(tmp_path / "out.mp4", SIMPLE) as writer:
            for pts, image in enumerate(noise):
                writer.write(image, pts)
            writer.finish()

    with pytest.raises(OutputError, match=r"out\.mp4 cannot be written \(No space left on device\)"):
        fill()
