"""Rendering: frames keep their order, the stages' figures add up, memory has a bound, a stop keeps what is done."""

import itertools
import subprocess
import sys
import threading
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import corners, is_near, make_clip, shown, sound_span

from engine.backends.fake import FakeBackend
from engine.effects import EffectOptions
from engine.errors import InferenceError, InputError
from engine.progress import Step
from engine.segmenter import Segmenter
from engine.spec import Finding
from engine.video.clip import Clip
from engine.video.pipeline import ahead, in_order
from engine.video.record import Record, over_time
from engine.video.render import Lane, Look, render

WHITE, BLACK = (np.full((48, 64, 3), level, np.uint8) for level in (250, 5))
CUTOUT = Look("cutout", EffectOptions(color="#0000FF", edge="fast"), smoothing=0.0)


@pytest.fixture
def lane(model):
    return Lane("fake", Segmenter(model.spec, FakeBackend()), at_once=2)


def run(source, out, lane, look=CUTOUT, *others, **options):
    with Clip(source) as clip:
        return render(clip, out, look, lane, *others, **options)


def test_each_frame_gets_its_own_mask_at_its_own_moment(tmp_path, lane):
    # The fake calls bright pixels cat: a white frame stays, a black one becomes the ground's blue.
    bright = [True, False, False, True, True, False, True, False] * 4
    moments = list(itertools.accumulate([500, 10, 700, 333] * 8))
    images = [WHITE if each else BLACK for each in bright]
    source = make_clip(tmp_path / "a.mp4", images, moments, Fraction(1, 1000))
    result = run(source, tmp_path / "out.mp4", lane)
    seen = shown(tmp_path / "out.mp4")
    assert [second for second, _ in seen] == [second for second, _ in shown(source)]
    assert [is_near(image[24, 32], (250, 250, 250), 6) for _, image in seen] == bright
    assert [is_near(image[24, 32], (0, 0, 255), 6) for _, image in seen] == [not each for each in bright]
    assert result["frames"] == 32
    assert result["presence"] == {"cat": 0.5, "dog": 0.0}
    assert result["perhaps"] == {"cat": 0.0, "dog": 0.0}
    assert not result["cancelled"]
    assert result["notes"] == []


def test_frames_in_which_a_pet_is_perhaps_are_told_apart_and_those_without_one_are_as_they_were(tmp_path, model):
    # Grey of 160 is a cat, of 134 perhaps one (0.94 and 0.744, see test_segmenter.py), of 5 none. Six frames each; of
    # the second six the first four are steady: 0.744 + 0.193 x 0.8 ** n is 0.85 or more for two of them.
    spec = replace(model.spec, finding=Finding(found=0.85, unsure=0.65))
    levels = [160] * 6 + [134] * 6 + [5] * 6
    images = [np.full((48, 64, 3), level, np.uint8) for level in levels]
    source = make_clip(tmp_path / "a.mp4", images)
    result = run(source, tmp_path / "out.mp4", Lane("fake", Segmenter(spec, FakeBackend()), at_once=1), CUTOUT)
    assert result["presence"] == {"cat": pytest.approx(8 / 18), "dog": 0.0}
    assert result["perhaps"] == {"cat": pytest.approx(4 / 18), "dog": 0.0}
    assert [is_near(image[24, 32], (0, 0, 255), 6) for _, image in shown(tmp_path / "out.mp4")] == [False] * 12 + [
        True
    ] * 6


def test_a_turned_clip_comes_out_upright_with_its_sound(tmp_path, lane):
    source = make_clip(tmp_path / "a.mov", [corners((48, 64))] * 30, turned=90, sounds=["aac"])
    run(source, tmp_path / "out.mp4", lane, Look("overlay"))
    with Clip(tmp_path / "out.mp4") as clip:
        assert (clip.info.size_hw, clip.info.turned, clip.info.sounds) == ((64, 48), 0, ("aac",))
    assert sound_span(tmp_path / "out.mp4") == pytest.approx(sound_span(source), abs=0.0005)


def test_the_figures_say_what_each_stage_took(tmp_path, lane):
    result = run(make_clip(tmp_path / "a.mp4", [WHITE] * 20), tmp_path / "out.mp4", lane)
    assert list(result["stages_ms"]) == ["decode", "preprocess", "infer", "smooth", "effect", "encode"]
    for stage in result["stages_ms"].values():
        assert 0 < stage["median"] <= stage["total"]
    assert result["throughput_fps"] == pytest.approx(20 / result["seconds"])
    assert result["clip_seconds"] == pytest.approx(20 / 30)
    along = result["over_time"]
    assert along["frames_a_point"] == 1
    assert along["seconds"] == pytest.approx([i / 30 for i in range(20)], abs=0.001)
    assert len(along["backends"]["fake"]["median_ms"]) == 20
    parts = sum(result["stages_ms"][stage]["total"] for stage in ("preprocess", "infer", "smooth"))
    assert sum(along["backends"]["fake"]["median_ms"]) == pytest.approx(parts, rel=0.01)


def test_two_backends_see_the_same_frames_and_their_agreement_is_counted(tmp_path, model, lane):
    # The other fake adds 20 to the cat's logit, so that it calls black cat as well: they agree on white frames only.
    other = Lane("other", Segmenter(model.spec, FakeBackend(offset=20.0)))
    source = make_clip(tmp_path / "a.mp4", [WHITE, WHITE, BLACK, WHITE])
    result = run(source, tmp_path / "out.mp4", lane, CUTOUT, other)
    assert result["agreement"] == {"mean": 0.75, "least": 0.0, "least_at_s": pytest.approx(2 / 30)}
    assert list(result["latency_ms"]) == ["fake", "other"]
    assert [is_near(image[24, 32], (0, 0, 255), 6) for _, image in shown(tmp_path / "out.mp4")] == [
        False, False, True, False,
    ]  # fmt: skip


def test_a_cut_is_counted_and_not_smoothed_over(tmp_path, lane):
    source = make_clip(tmp_path / "a.mp4", [WHITE] * 5 + [BLACK] * 5)
    result = run(source, tmp_path / "out.mp4", lane, Look("cutout", CUTOUT.options))
    assert result["cuts"] == 1
    assert is_near(shown(tmp_path / "out.mp4")[5][1][24, 32], (0, 0, 255), 6)


def test_a_stop_keeps_what_is_done_as_a_clip_that_plays(tmp_path, lane):
    source = make_clip(tmp_path / "a.mp4", [WHITE] * 300, sounds=["aac"])
    stop = threading.Event()

    def stop_soon(step):
        if step.done > 0:
            stop.set()

    result = run(source, tmp_path / "out.mp4", lane, on_progress=stop_soon, stop=stop)
    seen = shown(tmp_path / "out.mp4")
    assert result["cancelled"]
    assert 0 < len(seen) == result["frames"] < 300
    assert sound_span(tmp_path / "out.mp4")[1] == pytest.approx(len(seen) / 30, abs=0.022)
    assert result["notes"] == []


def test_a_stop_before_the_first_frame_leaves_nothing(tmp_path, lane):
    source = make_clip(tmp_path / "a.mp4", [WHITE] * 30)
    stop = threading.Event()
    stop.set()
    with pytest.raises(KeyboardInterrupt):
        run(source, tmp_path / "out.mp4", lane, stop=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_progress_tells_frames_speed_and_time_left(tmp_path, lane):
    said = []
    source = make_clip(tmp_path / "a.mp4", [np.tile(WHITE, (5, 5, 1))] * 60)
    run(source, tmp_path / "out.mp4", lane, on_progress=said.append)
    *steps, last = said
    assert steps
    for step in steps:
        assert step.what.startswith(f"frame {step.done} of 60, ")
        assert step.total == 60
        assert step.left_s >= 0
    assert last == Step(60, 60, "writing the index of the file", 0.0)


def test_a_clip_that_breaks_off_is_rendered_as_far_as_it_goes_and_that_is_said(tmp_path, lane):
    noise = np.random.default_rng(0).integers(0, 255, (90, 48, 64, 3), dtype=np.uint8)
    whole = make_clip(tmp_path / "a.mp4", list(noise), options={"movflags": "+faststart"}).read_bytes()
    (tmp_path / "half.mp4").write_bytes(whole[: len(whole) // 2])
    result = run(tmp_path / "half.mp4", tmp_path / "out.mp4", lane)
    assert 10 < result["frames"] < 80
    assert result["notes"][0].startswith("The clip breaks off after ")
    assert result["notes"][0].endswith("of the 3.0 s that it announces.")


@pytest.mark.parametrize(
    ("look", "words"),
    [
        (Look("sepia"), "There is no effect 'sepia'. Known: blur, cutout, outline, overlay, replace, sticker."),
        (Look("replace"), "needs a background"),
        (Look(smoothing=1.0), "A smoothing of 1 cannot be used"),
    ],
)
def test_what_cannot_be_made_is_said_before_work_starts(tmp_path, lane, look, words):
    with pytest.raises(InputError, match=words.replace(".", r"\.")):
        run(make_clip(tmp_path / "a.mp4", [WHITE] * 3), tmp_path / "out.mp4", lane, look)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


class FailsLater(FakeBackend):
    """Answers a few times and then no more."""

    def infer(self, batch):
        self.calls = getattr(self, "calls", 0) + 1
        self.failure = RuntimeError("out of luck") if self.calls > 10 else None
        return super().infer(batch)


@pytest.mark.parametrize("part", ["network", "effect", "writer", "clip"])
def test_an_error_of_any_thread_comes_out_and_leaves_nothing_behind(tmp_path, model, lane, monkeypatch, part):
    source = make_clip(tmp_path / "a.mp4", [WHITE] * 60, sounds=["aac"])
    calls = itertools.count()

    def fail(*args, **kwargs):
        if next(calls) == 10:
            raise InferenceError("out of luck")
        return usual(*args, **kwargs)

    if part == "network":
        lane = Lane("fake", Segmenter(model.spec, FailsLater()), 2)
    else:
        name = {"effect": "render.apply_effect", "writer": "writer.even", "clip": "clip.UprightRGB.__call__"}[part]
        module = sys.modules[f"engine.video.{name.split('.')[0]}"]
        owner = getattr(module, "UprightRGB") if part == "clip" else module  # noqa: B009
        attribute = name.rsplit(".", 1)[1]
        usual = getattr(owner, attribute)
        monkeypatch.setattr(owner, attribute, fail if part != "clip" else lambda *args: fail(*args))
    before = threading.active_count()
    with pytest.raises(InferenceError, match="out of luck"):
        run(source, tmp_path / "out.mp4", lane)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert threading.active_count() <= before


PEAK = """
import sys
from pathlib import Path
from engine.backends.fake import FakeBackend
from engine.segmenter import Segmenter
from engine.spec import Finding
from engine.spec import Model
from engine.video.clip import Clip
from engine.video.render import Lane, Look, render
lane = Lane("fake", Segmenter(Model.open("fastsegnet").spec, FakeBackend()), 2)
with Clip(Path(sys.argv[1])) as clip:
    result = render(clip, Path(sys.argv[2]), Look(), lane)
# Not getrusage: it counts the test's own process, from before this program was started in its place.
(peak,) = (line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(result["frames"], peak)
"""


@pytest.mark.timing
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak of memory in /proc")
def test_memory_does_not_grow_with_the_length_of_the_clip(tmp_path):
    peaks_kb = []
    for count in (60, 600):
        ramp = (np.roll(corners((96, 128)), i, axis=1) for i in range(count))
        source = make_clip(tmp_path / f"{count}.mp4", list(ramp), sounds=["aac"])
        command = [sys.executable, "-c", PEAK, str(source), str(tmp_path / "out.mp4")]
        root = Path(__file__).resolve().parents[2]
        said = [
            subprocess.run(command, capture_output=True, text=True, check=True, cwd=root).stdout.split()
            for _ in range(3)
        ]
        assert {int(frames) for frames, _ in said} == {count}
        # The least of three: what grows with the clip grows every time, what a thread happens to hold does not.
        peaks_kb.append(min(int(peak) for _, peak in said))
    # 540 frames more are 20 MB of pixels, and 880 MB of probabilities at the model's size.
    assert peaks_kb[1] - peaks_kb[0] < 12_000


def test_a_stage_that_is_full_makes_the_one_before_it_wait():
    pulled = []

    def items():
        for number in range(100):
            pulled.append(number)
            yield number

    stage = in_order(lambda number: number, ahead(items(), 3), workers=2, depth=3)
    assert next(stage) == 0
    time.sleep(0.1)
    assert len(pulled) <= 10
    assert [*stage] == [*range(1, 100)]


def test_results_keep_their_order_whoever_is_ready_first():
    def slow_at_first(number):
        time.sleep(0.05 if number % 4 == 0 else 0)
        return number

    assert [*in_order(slow_at_first, range(20), workers=4, depth=2)] == [*range(20)]


def test_a_long_clip_has_the_median_and_the_slowest_of_several_frames_in_a_point():
    along = over_time([0.0, 0.1, 0.2, 0.3, 0.4], {"a": [1, 2, 9, 4, 5]}, points=3)
    assert along["frames_a_point"] == 2
    assert along["seconds"] == [0.0, 0.2, 0.4]
    assert along["backends"]["a"] == {"median_ms": [1.5, 6.5, 5.0], "max_ms": [2.0, 9.0, 5.0]}


def test_the_record_of_ten_minutes_is_a_chart_of_six_hundred_points(model):
    record = Record(model.spec, Fraction(1, 30))
    record.seconds.extend(i / 30 for i in range(18_000))
    record.latency_ms["a"] = record.stages_ms["infer"]
    record.latency_ms["a"].extend([5.0] * 18_000)
    assert len(record.summary()["over_time"]["seconds"]) == 600
