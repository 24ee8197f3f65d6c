"""A model's folder says all about itself, and a damaged one says what to do."""

import json
import shutil
from dataclasses import replace

import pytest

from engine.backends import open_backend
from engine.errors import ArtefactError, InputError
from engine.spec import ArtefactSpec, ClassSpec, Finding, Model, ModelSpec, sha256_of


@pytest.fixture
def spec() -> ModelSpec:
    return ModelSpec(
        name="drawn",
        version="1.2.3",
        network={"architecture": "fastsegnet"},
        classes=[ClassSpec("background", "#000000", "background"), ClassSpec("cat", "#E69F00", "object")],
        size_hw=(64, 96),
        resize="stretch",
        artefacts={"torch.pt2": ArtefactSpec({"torch.pt2": "0" * 64}, 1.5, "python -m train export", {"images": 3})},
        training={"settings": {"epochs": 2}},
        versions={"torch": "2.11.0"},
        commit="unknown",
        licence="MIT",
    )


@pytest.fixture
def copied(model, tmp_path) -> Model:
    """A copy of the committed model that a test may damage."""
    return Model.open(shutil.copytree(model.folder, tmp_path / "fastsegnet"))


def test_a_saved_spec_is_read_back_the_same(spec, tmp_path):
    spec.save(tmp_path)
    assert ModelSpec.load(tmp_path) == spec
    assert [path.name for path in tmp_path.iterdir()] == ["model.json"]


def test_thresholds_are_read_back(spec, tmp_path):
    chosen = replace(spec, finding=Finding(found=0.9, unsure=0.7))
    chosen.save(tmp_path)
    assert ModelSpec.load(tmp_path).finding == Finding(0.9, 0.7)


def test_a_model_json_from_before_there_were_thresholds_gets_the_usual_ones(spec, tmp_path):
    spec.save(tmp_path)
    path = tmp_path / "model.json"
    fields = json.loads(path.read_text())
    del fields["finding"]
    path.write_text(json.dumps(fields))
    assert ModelSpec.load(tmp_path).finding == Finding(found=0.85, unsure=0.65)


def test_a_threshold_that_is_not_known_is_damage(spec, tmp_path):
    spec.save(tmp_path)
    path = tmp_path / "model.json"
    path.write_text(path.read_text().replace('"unsure"', '"perhaps"'))
    with pytest.raises(ArtefactError, match="perhaps"):
        Model.open(tmp_path)


def test_the_objects_are_the_classes_a_user_sees(model):
    assert [c.name for c in model.spec.classes] == ["background", "cat", "dog", "border"]
    assert [c.name for c in model.spec.objects] == ["cat", "dog"]


def test_sha256_is_that_of_the_bytes(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    # The example of FIPS 180-2.
    assert sha256_of(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_folder_without_model_json_is_refused(tmp_path):
    with pytest.raises(ArtefactError, match=r"model.json is missing. Make the model with `python -m train export`"):
        Model.open(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"name": "drawn"}'])
def test_a_damaged_model_json_is_refused(tmp_path, text):
    (tmp_path / "model.json").write_text(text)
    with pytest.raises(ArtefactError, match=r"model.json is damaged .* Restore it or run `python -m train export`"):
        Model.open(tmp_path)


def test_a_model_json_that_lacks_a_field_names_it(spec, tmp_path):
    spec.save(tmp_path)
    path = tmp_path / "model.json"
    fields = json.loads(path.read_text())
    del fields["licence"]
    path.write_text(json.dumps(fields))
    with pytest.raises(ArtefactError, match="licence"):
        Model.open(tmp_path)


def test_an_unknown_model_lists_the_known_ones():
    with pytest.raises(InputError, match=r"There is no model 'slowsegnet'. Known: .*fastsegnet"):
        Model.open("slowsegnet")


def test_an_artefact_that_is_not_listed_is_refused(spec, tmp_path):
    with pytest.raises(ArtefactError, match=r"lists no model.onnx. Make it with `python -m train`"):
        Model(tmp_path, spec).artefact("model.onnx")


def remove(path):
    path.unlink()


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-1000])


def change_a_byte(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "words"), [(remove, "is missing"), (cut_short, "is not the file"), (change_a_byte, "is not the file")]
)
@pytest.mark.parametrize(
    ("backend", "artefact", "file_name"),
    [("torch", "torch.pt2", "torch.pt2"), ("openvino-int8", "openvino-int8.xml", "openvino-int8.bin")],
)
def test_a_damaged_artefact_names_the_file_and_the_command(copied, damage, words, backend, artefact, file_name):
    damage(copied.folder / file_name)
    with pytest.raises(ArtefactError) as caught:
        open_backend(backend, copied)
    assert f"{copied.folder / file_name} {words}" in str(caught.value)
    assert f"make it with `{copied.spec.artefacts[artefact].command}`" in str(caught.value)


def test_the_other_backends_open_where_one_artefact_is_damaged(copied):
    cut_short(copied.folder / "openvino-int8.bin")
    assert open_backend("openvino-fp32", copied).describe().runtime == "OpenVINO"
    assert open_backend("onnxruntime", copied).describe().runtime == "onnxruntime"


def test_an_artefact_that_its_runtime_cannot_read_names_the_command(copied):
    # Its sha256 is right, but it is no ONNX file.
    path = copied.folder / "model.onnx"
    path.write_bytes(b"no onnx")
    copied.spec.artefacts["model.onnx"].sha256["model.onnx"] = sha256_of(path)
    with pytest.raises(ArtefactError, match=r"onnxruntime cannot read .*model.onnx .* Make it with `python -m train"):
        open_backend("onnxruntime", copied)
