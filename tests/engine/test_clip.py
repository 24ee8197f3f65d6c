"""Reading clips: what they are is said first, frames are upright and at their moments, bad files get one sentence."""

from fractions import Fraction

import av
import numpy as np
import pytest
from clips import CORNERS, corner_colors, corners, is_near, make_clip, tone

from engine.errors import InputError
from engine.segmenter import preprocess
from engine.video.clip import MAX_SECONDS, Clip, clock

FRAME = corners((48, 64))


def read(path):
    with Clip(path) as clip:
        return clip.info, list(clip.frames()), clip


def test_a_clip_says_what_it_is_before_its_frames_are_asked_for(tmp_path):
    path = make_clip(tmp_path / "a.mp4", [FRAME] * 45, sounds=["aac"])
    with Clip(path) as clip:
        info = clip.info
    assert (info.size_hw, info.frames, info.is_estimate, info.turned) == ((48, 64), 45, False, 0)
    assert info.seconds == pytest.approx(1.5)  # 45 frames, 30 a second
    assert info.rate == pytest.approx(30)
    assert (info.codec, info.sounds, info.cut_short) == ("h264", ("aac",), False)
    assert info.in_words() == "1.5 s, 64 x 48 px, 45 frames (30 a second), h264, sound aac"


# A player turns counterclockwise by 90: the right column becomes the top row.
@pytest.mark.parametrize(
    ("turned", "mirrored", "order", "clockwise"),
    [
        (0, False, (0, 1, 2, 3), 0),
        (90, False, (1, 3, 0, 2), 270),
        (180, False, (3, 2, 1, 0), 180),
        (270, False, (2, 0, 3, 1), 90),
        (0, True, (1, 0, 3, 2), 0),
        (90, True, (3, 1, 2, 0), 90),
    ],
)
def test_frames_are_upright_whatever_the_display_matrix_asks_for(tmp_path, turned, mirrored, order, clockwise):
    path = make_clip(tmp_path / "a.mp4", [FRAME] * 3, turned=turned, mirrored=mirrored)
    info, frames, _ = read(path)
    size = (64, 48) if turned in (90, 270) else (48, 64)
    assert info.size_hw == size
    assert info.turned == clockwise
    assert frames[0].image.shape == (*size, 3)
    for color, place in zip(corner_colors(frames[0].image), order, strict=True):
        assert is_near(color, CORNERS[place])


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
def test_frames_come_upright_in_the_size_of_a_network_as_well(tmp_path, turned):
    path = make_clip(tmp_path / "clip.mp4", [corners((96, 160))], turned=turned)
    with Clip(path) as clip:
        (frame,) = clip.frames(seen_hw=(32, 48))
    assert frame.seen.shape == (32, 48, 3)
    for small, large in zip(corner_colors(frame.seen), corner_colors(frame.image), strict=True):
        assert is_near(small, large, levels=6)


def test_a_frame_shrunk_by_ffmpeg_is_nearly_what_pillow_makes_of_it(tmp_path, drawn_pet):
    path = make_clip(tmp_path / "clip.mp4", [drawn_pet(size_hw=(360, 640))[0]])
    with Clip(path) as clip:
        (frame,) = clip.frames(seen_hw=(160, 160))
    assert np.abs(frame.seen - preprocess(frame.image, (160, 160))[0].astype(int)).mean() < 2


def test_frames_keep_their_moments_where_the_rate_varies(tmp_path):
    moments = [0, 100, 101, 500, 1900, 2000]
    _, frames, clip = read(make_clip(tmp_path / "a.mp4", [FRAME] * 6, moments, Fraction(1, 1000)))
    assert [float(frame.pts * clip.time_base) for frame in frames] == pytest.approx([m / 1000 for m in moments])


@pytest.mark.parametrize(
    ("name", "codec"), [("a.webm", "libvpx"), ("a.webm", "libvpx-vp9"), ("a.mov", "libx265"), ("a.mkv", "libx264"),
                        ("a.avi", "mpeg4")]
)  # fmt: skip
def test_the_usual_containers_and_codecs_are_read(tmp_path, name, codec):
    time_base = Fraction(1, 25)
    info, frames, _ = read(make_clip(tmp_path / name, [FRAME] * 10, time_base=time_base, codec=codec))
    assert len(frames) == 10
    assert info.frames == 10
    for color, wanted in zip(corner_colors(frames[-1].image), CORNERS, strict=True):
        assert is_near(color, wanted, 8)


def test_a_recording_without_a_length_is_counted_first(tmp_path):
    path = make_clip(
        tmp_path / "a.webm", [FRAME] * 20, codec="libvpx", time_base=Fraction(1, 20), options={"live": "1"}
    )
    info, frames, _ = read(path)
    assert (info.frames, info.is_estimate) == (20, False)
    assert info.seconds == pytest.approx(1.0, abs=0.06)
    assert len(frames) == 20


@pytest.mark.parametrize("pixel_format", ["yuv420p10le", "yuv444p", "yuvj420p", "yuv422p10le"])
def test_more_bits_full_range_and_full_colour_become_the_same_rgb(tmp_path, pixel_format):
    _, frames, _ = read(make_clip(tmp_path / "a.mkv", [FRAME] * 2, pixel_format=pixel_format))
    assert frames[0].image.dtype == np.uint8
    for color, wanted in zip(corner_colors(frames[0].image), CORNERS, strict=True):
        assert is_near(color, wanted)


def test_what_is_transparent_lies_on_white(tmp_path):
    rgba = np.zeros((48, 64, 4), np.uint8)
    rgba[:, :32] = (200, 40, 40, 255)  # the right half shows nothing
    with av.open(str(tmp_path / "a.mov"), "w") as container:
        stream = container.add_stream("png", rate=25, width=64, height=48, pix_fmt="rgba")
        container.mux(stream.encode(av.VideoFrame.from_ndarray(rgba, format="rgba")))
        container.mux(stream.encode(None))
    _, (frame,), _ = read(tmp_path / "a.mov")
    assert tuple(frame.image[24, 10]) == (200, 40, 40)
    assert tuple(frame.image[24, 50]) == (255, 255, 255)


def test_hdr_white_is_white_and_not_grey(tmp_path):
    # HDR10 has its white of paper, 203 candela, at 58 % of the signal: 64 + 0.58 * 876 = 572 of 1023. Read as an
    # ordinary clip that would be 148 of 255.
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=25, width=64, height=48, pix_fmt="yuv420p10le")
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc, context.color_range = 9, 9, 16, 1
        frame = av.VideoFrame(64, 48, "yuv420p10le")
        for plane, level in zip(frame.planes, (572, 512, 512), strict=True):
            plane.update(np.full(plane.buffer_size // 2, level, np.uint16).tobytes())
        frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range = 9, 9, 16, 1
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    _, (frame,), _ = read(tmp_path / "a.mkv")
    assert is_near(frame.image[24, 32], (252, 252, 252), 4)


def test_frames_that_change_size_are_fitted_between_bars(tmp_path):
    parts = [
        make_clip(tmp_path / f"{size}.webm", [np.full((*size, 3), 200, np.uint8)] * 3, codec="libvpx")
        for size in ((48, 64), (64, 32))
    ]
    path = remux(tmp_path / "a.webm", parts, range(0, 6 * 33, 33))
    info, frames, _ = read(path)
    assert info.size_hw == (48, 64)
    assert {frame.image.shape for frame in frames} == {(48, 64, 3)}
    # 64 x 32 in 48 x 64 shrinks to 48 x 24, in the middle: columns 20 to 43.
    assert frames[-1].image[24, 10].max() < 8
    assert frames[-1].image[24, 32].min() > 190


def test_pixels_that_are_not_square_are_said_upright(tmp_path):
    info, _, _ = read(make_clip(tmp_path / "a.mp4", [FRAME] * 2, pixel_aspect=Fraction(4, 3), turned=90))
    assert info.pixel_aspect == Fraction(3, 4)


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_a_file_that_ends_in_the_middle_gives_the_frames_that_are_whole_and_says_so(tmp_path, codec):
    noise = np.random.default_rng(0).integers(0, 255, (60, 48, 64, 3), dtype=np.uint8)
    path = make_clip(tmp_path / "a.mp4", list(noise), codec=codec, options={"movflags": "+faststart"})
    (tmp_path / "half.mp4").write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    _, wanted, _ = read(path)
    info, frames, clip = read(tmp_path / "half.mp4")
    assert info.cut_short
    assert 10 < len(frames) < 50
    assert clip.skipped >= 1
    for frame, same in zip(frames, wanted, strict=False):
        assert (frame.pts, frame.image.tobytes()) == (same.pts, same.image.tobytes())


def remux(path, parts, moments):
    """The packets of several VP8 clips as one clip, at other moments."""
    with av.open(str(path), "w") as out:
        stream, left = None, list(moments)
        for part in parts:
            with av.open(str(part)) as source:
                stream = stream or out.add_stream_from_template(source.streams.video[0], opaque=True)
                for packet in source.demux(video=0):
                    if packet.pts is not None:
                        packet.pts = packet.dts = left.pop(0)
                        packet.stream = stream
                        out.mux(packet)
    return path


def test_of_two_frames_at_one_moment_the_first_is_kept(tmp_path):
    part = make_clip(tmp_path / "part.webm", [FRAME] * 5, codec="libvpx")
    _, frames, _ = read(remux(tmp_path / "a.webm", [part], [0, 33, 33, 66, 99]))
    assert [frame.pts for frame in frames] == [0, 33, 66, 99]


def refusal(path) -> str:
    with pytest.raises(InputError) as caught:
        Clip(path)
    assert str(caught.value).startswith((path.name, str(path)))
    return str(caught.value)


def test_what_is_no_clip_is_refused_in_words(tmp_path, encoded):
    (tmp_path / "empty.mp4").touch()
    assert "is empty (0 bytes)" in refusal(tmp_path / "empty.mp4")
    (tmp_path / "junk.mp4").write_bytes(np.random.default_rng(0).bytes(5000))
    assert "is not a clip we can read. Expected MP4, MOV, WebM" in refusal(tmp_path / "junk.mp4")
    assert "no such file" in refusal(tmp_path / "none.mp4")
    (tmp_path / "still.mp4").write_bytes(encoded(FRAME, "PNG"))
    assert "is a picture (PNG)" in refusal(tmp_path / "still.mp4")
    (tmp_path / "moving.gif").write_bytes(encoded(FRAME, "GIF"))
    assert "is a picture (GIF), expected a clip: MP4, MOV, WebM, MKV or AVI. Convert it to MP4." in refusal(
        tmp_path / "moving.gif"
    )


@pytest.mark.parametrize("text", ["#EXTM3U\n#EXTINF:10,\n{other}\n", "ffconcat version 1.0\nfile {other}\n"])
def test_a_playlist_does_not_open_another_file(tmp_path, text):
    other = make_clip(tmp_path / "a.mp4", [FRAME] * 5)
    (tmp_path / "list.mp4").write_text(text.format(other=other.name))
    assert "is not a clip we can read" in refusal(tmp_path / "list.mp4")


def test_an_mp4_without_its_index_is_cut_short(tmp_path):
    whole = make_clip(tmp_path / "a.mp4", [FRAME] * 30).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    assert "is cut short: its index" in refusal(tmp_path / "cut.mp4")


def test_a_clip_without_a_picture_has_no_video_track(tmp_path):
    with av.open(str(tmp_path / "sound.m4a"), "w", format="mp4") as container:
        track = container.add_stream("aac", rate=48_000, layout="mono")
        for frame in tone(1.0, 0.0):
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    assert "has no video track (sound only)" in refusal(tmp_path / "sound.m4a")


def test_a_clip_of_zero_frames_is_refused(tmp_path):
    with av.open(str(tmp_path / "a.avi"), "w") as container:
        container.add_stream("mpeg4", rate=25, width=64, height=48, pix_fmt="yuv420p")
        container.start_encoding()
    assert "holds no frame that can be decoded" in refusal(tmp_path / "a.avi")


def test_a_codec_that_is_not_there_is_refused(tmp_path):
    path = make_clip(tmp_path / "a.mp4", [FRAME] * 5)
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzz1"))
    assert "has its picture in a codec that is not known here. Export it as H.264" in refusal(path)


def test_ten_hours_are_refused_before_work_starts(tmp_path):
    path = make_clip(tmp_path / "a.mp4", [FRAME] * 2, [0, 36_000 * 25], Fraction(1, 25))
    assert "lasts 10:00:00 hours; at most 10:00 minutes are taken" in refusal(path)


def test_a_clip_that_goes_on_beyond_what_it_announces_is_stopped(tmp_path, monkeypatch):
    path = make_clip(tmp_path / "a.mp4", [FRAME] * 60)
    with Clip(path) as clip:
        monkeypatch.setattr("engine.video.clip.MAX_SECONDS", 1.0)
        with pytest.raises(InputError, match=r"at most 1\.0 s are taken"):
            list(clip.frames())


def test_sides_beyond_the_limits_are_refused(tmp_path):
    wide = make_clip(tmp_path / "wide.mp4", [np.zeros((32, 4098, 3), np.uint8)])
    assert "is 4098 x 32 px; at most 4096 on a side are taken" in refusal(wide)
    small = make_clip(tmp_path / "small.mkv", [np.zeros((8, 32, 3), np.uint8)], codec="ffv1")
    assert "is 32 x 8 px; at least 16 x 16 are needed" in refusal(small)


def test_a_file_of_too_many_bytes_is_refused(tmp_path, monkeypatch):
    path = make_clip(tmp_path / "a.mp4", [FRAME] * 2)
    monkeypatch.setattr("engine.video.container.MAX_MEGABYTES", 0.0005)
    assert "at most 0 are read" in refusal(path)


def test_a_length_is_said_as_a_person_would():
    assert [clock(x) for x in (9.5, MAX_SECONDS, 36_000)] == ["9.5 s", "10:00 minutes", "10:00:00 hours"]
