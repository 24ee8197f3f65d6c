"""`python -m engine video`: clips in and out, figures as JSON, one line of complaint; Ctrl-C keeps what is done."""

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from clips import corners, make_clip, shown

from engine.__main__ import main
from engine.commands.video import stopped_by_ctrl_c

pytestmark = pytest.mark.usefixtures("opened_once")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def clip(tmp_path, drawn_pet) -> Path:
    pet = drawn_pet(size_hw=(96, 128))[0]
    return make_clip(tmp_path / "tom.mp4", [np.roll(pet, 2 * i, axis=1) for i in range(30)], sounds=["aac"])


def test_a_clip_is_rendered_and_its_figures_written(tmp_path, clip, result_file, capsys):
    out = tmp_path / "out" / "tom.mp4"
    assert main(["video", str(clip), str(out), "--effect", "blur", "--json", str(result_file)]) == 0
    result = json.loads(result_file.read_text())
    assert result["frames"] == len(shown(out)) == 30
    assert result["command"] == (
        "python -m engine video tom.mp4 tom.mp4 --backend openvino-int8 --effect blur --edge fast --smoothing 0.7 "
        "--blur 0.02"
    )
    assert result["clip"]["size_hw"] == [96, 128]
    assert result["clip"]["sounds"] == ["aac"]
    assert result["backend"] == "openvino-int8"
    assert result["machine"]["cores"] >= 1
    assert not result["cancelled"]
    said = capsys.readouterr().out
    assert "tom.mp4: 1.0 s, 128 x 96 px, 30 frames (30 a second), h264, sound aac" in said
    assert "30 frames, 1.0 s of video in" in said


@pytest.mark.slow
def test_two_backends_are_compared_on_every_frame(tmp_path, clip, result_file):
    words = ["video", str(clip), str(tmp_path / "out.mp4"), "--compare", "openvino-fp32", "--json", str(result_file)]
    assert main(words) == 0
    result = json.loads(result_file.read_text())
    assert list(result["latency_ms"]) == ["openvino-int8", "openvino-fp32"]
    assert list(result["over_time"]["backends"]) == ["openvino-int8", "openvino-fp32"]
    assert result["agreement"]["mean"] > 0.9


@pytest.mark.slow
def test_a_picture_is_put_behind_the_pet(tmp_path, clip, photo, result_file):
    words = ["video", str(clip), str(tmp_path / "out.mp4"), "--effect", "replace", "--background", str(photo)]
    assert main([*words, "--json", str(result_file)]) == 0
    assert json.loads(result_file.read_text())["command"].endswith("--background tom.jpg")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--effect", "sepia"], "There is no effect 'sepia'."),
        (["--color", "green"], "green"),
        (["--blur", "7"], "A blur of 7"),
        (["--smoothing", "1"], "A smoothing of 1 cannot be used."),
        (["--backend", "cuda"], "There is no backend 'cuda'."),
        (["--compare", "cuda"], "There is no backend 'cuda'."),
        (["--compare", "openvino-int8"], "--compare names the same backend"),
        (["--effect", "replace"], "needs a background"),
        (["--background", "nowhere.jpg"], "nowhere.jpg cannot be opened"),
        (["--edge", "soft"], "There is no edge 'soft'."),
    ],
)
def test_an_option_that_cannot_be_used_is_refused(tmp_path, clip, refused, options, words):
    refused(main(["video", str(clip), str(tmp_path / "out.mp4"), *options]), words)
    assert not (tmp_path / "out.mp4").exists()


def test_a_bad_clip_and_a_bad_name_are_refused(tmp_path, clip, refused):
    (tmp_path / "junk.mp4").write_bytes(b"junk")
    refused(main(["video", str(tmp_path / "junk.mp4"), str(tmp_path / "out.mp4")]), "is not a clip we can read")
    refused(main(["video", str(clip), str(tmp_path / "out.avi")]), "Name a file that ends in .mp4")
    refused(main(["video", str(clip), str(clip)]), "is the clip that is read")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")
def test_ctrl_c_keeps_what_is_done(tmp_path):
    clip = make_clip(tmp_path / "long.mp4", [corners((96, 128))] * 1500, sounds=["aac"])
    out, result_file = tmp_path / "out.mp4", tmp_path / "result.json"
    words = ["video", str(clip), str(out), "--json", str(result_file), "--progress", "json"]
    command = [sys.executable, "-m", "engine", *words]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            if json.loads(line)["what"].startswith("frame "):
                process.send_signal(signal.SIGINT)
                break
        process.stderr.read()
        assert process.wait(timeout=60) == 130
    result = json.loads(result_file.read_text())
    assert result["cancelled"]
    assert 0 < result["frames"] == len(shown(out)) < 1500
    assert sorted(path.name for path in tmp_path.iterdir()) == ["long.mp4", "out.mp4", "result.json"]


TWICE = """
import signal
from engine.commands.video import stopped_by_ctrl_c

signal.signal(signal.SIGINT, signal.default_int_handler)
with stopped_by_ctrl_c() as stop:
    signal.raise_signal(signal.SIGINT)
    assert stop.is_set()
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        print("interrupted")
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
print("as before")
"""


def test_the_second_ctrl_c_is_one_as_ever():
    done = subprocess.run([sys.executable, "-c", TWICE], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["interrupted", "as before"]


def test_outside_the_main_thread_nothing_listens_to_ctrl_c():
    entered = []

    def work():
        with stopped_by_ctrl_c() as stop:
            entered.append(stop.is_set())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(timeout=5)
    assert entered == [False]
