"""Quantizing: NNCF is asked for what was chosen, layers are put back where too much is lost, a stop loses nothing."""

import shutil
from pathlib import Path

import openvino as ov
import pytest

from engine.errors import InferenceError, InputError
from engine.spec import Model
from train.__main__ import main
from train.compression import quantize
from train.compression.ptq import KNOWN, QuantizationOptions, nncf_arguments, quantize_ir
from train.compression.trail import Attempt, Trail

NOT_ASKED_OF_NNCF = ("calibration", "logit_correction")  # other pictures; what is done once NNCF has answered
SCORES = ("binary", "mean image", "trimap", "species", "boundary")


@pytest.fixture
def folder(exported, tmp_path) -> Path:
    """A copy of the drawn model that the test may change."""
    return shutil.copytree(exported, tmp_path / "drawn")


@pytest.fixture
def run_quantize(folder, shared_dataset):
    """`run_quantize("--preset", "mixed", ...)` quantizes the drawn model and gives the exit code."""

    def command(*options: object) -> int:
        words = ("quantize", "--model", folder, "--data", shared_dataset, *options)
        return main([str(word) for word in words])

    return command


@pytest.fixture
def asked(monkeypatch) -> list[QuantizationOptions]:
    """Every call of NNCF; the FP32 model is given in its place."""
    calls = []

    def answer(source, calibration, size_hw, choices):
        calls.append(choices)
        assert len(calibration) == choices.subset_size
        return ov.Core().read_model(source)

    monkeypatch.setattr(quantize, "quantize_ir", answer)
    return calls


@pytest.fixture
def losses(monkeypatch):
    """`losses(plain=0.5, restored=0.1)` sets the worst drop of each candidate, in the order they are made."""

    def set_losses(*points: float) -> None:
        given = iter(points)

        class Scored(quantize.Candidate):
            def __init__(self, *args) -> None:
                super().__init__(*args)
                self.drop = {**self.drop, "species": next(given)}

        monkeypatch.setattr(quantize, "Candidate", Scored)

    return set_losses


def said(folder: Path) -> dict:
    return Model.open(folder).spec.training["quantization"]


def test_by_default_nncf_is_asked_for_nothing_advanced():
    import nncf

    assert nncf_arguments(QuantizationOptions()) == {
        "preset": nncf.QuantizationPreset.MIXED,
        "subset_size": 300,
        "fast_bias_correction": False,
        "model_type": None,
        "advanced_parameters": None,
    }


@pytest.mark.parametrize(
    ("option", "value"),
    [(name, value) for name, known in KNOWN.items() for value in known[1:] if name not in NOT_ASKED_OF_NNCF],
)
def test_every_option_changes_what_nncf_is_asked_for(option, value):
    assert nncf_arguments(QuantizationOptions(**{option: value})) != nncf_arguments(QuantizationOptions())


def test_nothing_chosen_is_what_it_always_was(run_quantize, folder, asked, capsys):
    assert run_quantize() == 0
    assert asked == [QuantizationOptions(subset_size=10)]
    report = said(folder)
    assert (report["preset"], report["bias_correction"], report["range_estimator"]) == ("mixed", "accurate", "default")
    assert (report["subset_size"], len(report["calibration_sha256"])) == (10, 10)
    assert (report["max_drop"], report["put_back"], report["trail"]) == (None, [], [])
    assert report["reason"] == "These are the defaults."
    assert "next: python -m train card" in capsys.readouterr().out
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_given_options_are_asked_for_and_recorded(run_quantize, folder, asked):
    assert run_quantize("--preset", "performance", "--range-estimator", "histogram", "--subset-size", 4) == 0
    assert asked == [QuantizationOptions(preset="performance", range_estimator="histogram", subset_size=4)]
    assert said(folder)["range_estimator"] == "histogram"
    assert len(said(folder)["calibration_sha256"]) == 4
    assert said(folder)["reason"].startswith("Given on the command line: preset performance, range estimator histogram")


def make_trail(folder: Path, path: Path, **changed: str) -> None:
    artefact = Model.open(folder).spec.artefacts["openvino-fp32.xml"]
    rows = [
        Attempt(QuantizationOptions(subset_size=10), dict.fromkeys(SCORES, 0.5)),
        Attempt(QuantizationOptions(subset_size=10, **changed), dict.fromkeys(SCORES, 0.1)),
    ]
    Trail("drawn", artefact.sha256, ["1"], dict.fromkeys(SCORES, 0.9), rows).save(path)


def test_the_choice_of_a_trail_is_taken_with_its_reason(run_quantize, folder, asked, tmp_path):
    make_trail(folder, tmp_path / "trail.json", preset="performance")
    assert run_quantize("--from-trail", tmp_path / "trail.json") == 0
    assert asked == [QuantizationOptions(preset="performance", subset_size=10)]
    report = said(folder)
    assert report["reason"].startswith("Of 2 ways that could be taken, preset performance")
    assert [each["drop"]["species"] for each in report["trail"]] == [0.5, 0.1]


def test_options_given_beside_a_trail_are_taken_and_it_tells_how_they_stand(run_quantize, folder, asked, tmp_path):
    trail = tmp_path / "trail.json"
    make_trail(folder, trail, preset="performance")
    assert run_quantize("--from-trail", trail, "--preset", "mixed") == 0
    assert asked == [QuantizationOptions(subset_size=10)]
    assert said(folder)["reason"] == (
        "Given on the command line: preset mixed. Of 2 ways compared the least loss was 0.10 points at worst, and this "
        "one lost 0.50."
    )
    assert len(said(folder)["trail"]) == 2


def test_options_that_a_trail_does_not_hold_are_refused(run_quantize, folder, asked, tmp_path, capsys):
    trail = tmp_path / "trail.json"
    make_trail(folder, trail, preset="performance")
    assert run_quantize("--from-trail", trail, "--bias-correction", "fast") == 2
    assert (
        f"{trail} has no INT8 with bias correction fast, subset size 10. Compare it as well" in capsys.readouterr().err
    )
    assert not asked


def test_within_the_limit_no_layer_is_put_back(run_quantize, folder, asked, losses, monkeypatch, capsys):
    monkeypatch.setattr(quantize, "restore", lambda *args: pytest.fail("nothing is to be put back"))
    losses(0.2)
    assert run_quantize("--max-drop", 0.2) == 0
    assert "it loses 0.20 points of species IoU at worst, within the 0.2 allowed" in capsys.readouterr().out
    assert said(folder)["max_drop"] == 0.2
    assert said(folder)["reason"].endswith("within the 0.2 allowed.")


def restored_without(layers: int):
    """A stand-in for accuracy control that gives the FP32 model back."""

    def restore(source, calibration, spec, choices, judge, max_drop):
        return ov.Core().read_model(source)

    return restore


def test_layers_are_put_back_where_too_much_is_lost(run_quantize, folder, asked, losses, monkeypatch, capsys):
    monkeypatch.setattr(quantize, "restore", restored_without(1))
    monkeypatch.setattr(quantize, "put_back", lambda plain, restored: ["conv_1 (3x3 convolution, 3 to 8 channels)"])
    losses(0.5, 0.1)
    assert run_quantize("--max-drop", 0.2) == 0
    report = said(folder)
    assert report["put_back"] == ["conv_1 (3x3 convolution, 3 to 8 channels)"]
    assert "loses 0.50 points of species IoU, more than the 0.2 allowed" in report["reason"]
    assert "with 1 layers put back to FP32 0.10 points of species IoU, within the 0.2 allowed" in report["reason"]
    assert "   conv_1 (3x3 convolution, 3 to 8 channels)" in capsys.readouterr().out
    Model.open(folder).artefact("openvino-int8.xml")  # the files are those that model.json describes


@pytest.mark.parametrize(
    ("raised", "words"),
    [(KeyboardInterrupt(), "was stopped by hand"), (InferenceError("NNCF failed."), "NNCF failed.")],
)
def test_a_stop_keeps_the_plain_model(run_quantize, folder, asked, losses, monkeypatch, raised, words):
    def restore(*args):
        # It is in place before the long part begins.
        assert Model.open(folder).artefact("openvino-int8.xml").is_file()
        raise raised

    monkeypatch.setattr(quantize, "restore", restore)
    losses(0.5)
    assert run_quantize("--max-drop", 0.2) == 0
    assert words in said(folder)["reason"]
    assert said(folder)["put_back"] == []
    Model.open(folder).artefact("openvino-int8.xml")


@pytest.mark.parametrize(("restored", "second"), [(None, ()), (restored_without(0), (0.5,))])
def test_the_plain_model_stays_where_nothing_better_came(
    run_quantize, folder, asked, losses, monkeypatch, restored, second
):
    monkeypatch.setattr(quantize, "restore", restored or (lambda *args: None))
    losses(0.5, *second)
    assert run_quantize("--max-drop", 0.2) == 0
    expected = "no layer could be put back" if restored is None else "putting layers back gained nothing"
    assert expected in said(folder)["reason"]
    assert said(folder)["put_back"] == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--max-drop", -0.1), "--max-drop is -0.1; expected 0 or more, such as 0.2"),
        (("--max-drop", "nan"), "--max-drop is nan; expected 0 or more"),
        (("--max-drop", 0.2, "--time-limit", -1), "--time-limit is -1; expected 0 or more"),
        (("--time-limit", 5), "--time-limit is that of putting layers back. Give --max-drop as well"),
        (("--subset-size", 11), "--subset-size is 11; expected 1 to 10, the calibration pictures there are"),
        (("--subset-size", 0), "--subset-size is 0; expected 1 to 10"),
        (("--from-trail", "gone.json"), "There is no trail gone.json. Make it with `python -m train compare`"),
    ],
)
def test_options_that_make_no_sense_are_refused(run_quantize, folder, asked, capsys, options, message):
    assert run_quantize(*options) == 2
    assert message in capsys.readouterr().err
    assert not asked
    assert not (folder / "openvino-int8.xml").exists()


@pytest.mark.parametrize("option", ["--preset", "--range-estimator", "--model-type"])
def test_an_unknown_name_is_refused_with_the_known(run_quantize, capsys, option):
    assert run_quantize(option, "best") == 2
    told = capsys.readouterr().err
    assert "invalid choice: 'best'" in told
    assert all(known in told for known in KNOWN[option.strip("-").replace("-", "_")])


def test_an_unknown_name_in_a_trail_is_refused_with_the_known():
    with pytest.raises(InputError, match=r"There is no range estimator 'best'. Known: default, histogram"):
        QuantizationOptions(range_estimator="best").check(300)


def test_the_trail_of_another_model_is_refused(run_quantize, folder, asked, tmp_path, capsys):
    make_trail(folder, tmp_path / "trail.json")
    text = (tmp_path / "trail.json").read_text()
    sha256 = Model.open(folder).spec.artefacts["openvino-fp32.xml"].sha256["openvino-fp32.bin"]
    (tmp_path / "trail.json").write_text(text.replace(sha256, "0" * 64))
    assert run_quantize("--from-trail", tmp_path / "trail.json") == 2
    assert "is the trail of another model" in capsys.readouterr().err


def test_a_folder_without_the_fp32_ir_is_refused(run_quantize, folder, asked, capsys):
    (folder / "openvino-fp32.xml").unlink()
    assert run_quantize() == 2
    assert (
        "openvino-fp32.xml is missing. Restore it, or make it with `python -m train export" in capsys.readouterr().err
    )


def test_a_failure_of_nncf_names_what_was_asked_for(exported, tmp_path, monkeypatch):
    import nncf

    def fail(*args, **options):
        raise KeyError("float32")

    monkeypatch.setattr(nncf, "quantize", fail)
    with pytest.raises(InferenceError, match=r"NNCF failed with channel alignment on \(KeyError: 'float32'\)"):
        quantize_ir(exported / "openvino-fp32.xml", [], (64, 64), QuantizationOptions(channel_alignment="on"))


def test_an_int8_is_made_anew_by_force_alone(run_quantize, folder, asked, capsys):
    assert run_quantize() == 0
    before = (folder / "openvino-int8.bin").read_bytes(), (folder / "model.json").read_bytes()
    assert run_quantize("--preset", "performance") == 2
    assert "openvino-int8.xml is there already. Name another place, or add --force" in capsys.readouterr().err
    assert ((folder / "openvino-int8.bin").read_bytes(), (folder / "model.json").read_bytes()) == before
    assert len(asked) == 1
    assert run_quantize("--preset", "performance", "--force") == 0
    assert said(folder)["preset"] == "performance"


def test_the_kept_command_makes_the_same_int8_again():
    model = Path("models/drawn")
    choices = QuantizationOptions(preset="performance", subset_size=50)
    expected = "quantize --model models/drawn --data ROOT --preset performance --subset-size 50 --max-drop 0.2"
    assert quantize.command_of(model, choices, 0.2) == f"python -m train {expected}"
    assert (
        quantize.command_of(model, QuantizationOptions(), None)
        == "python -m train quantize --model models/drawn --data ROOT"
    )
