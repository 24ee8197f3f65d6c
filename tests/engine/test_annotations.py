"""What other tools read: COCO by pycocotools itself, SVG by an XML parser."""

import json
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from pycocotools import mask as run_lengths
from pycocotools.coco import COCO

from engine.annotations import EXPORTS, PhotoAnnotation, parse_exports
from engine.errors import InputError
from engine.instances import find_instances

# pycocotools decodes in a way that numpy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

SIZE_HW = (90, 160)
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def mask() -> np.ndarray:
    """A cat with a hole and a dog."""
    y, x = np.mgrid[: SIZE_HW[0], : SIZE_HW[1]]
    mask = np.zeros(SIZE_HW, np.uint8)
    mask[(x - 50) ** 2 + (y - 45) ** 2 < 35**2] = 1
    mask[(x - 50) ** 2 + (y - 45) ** 2 < 12**2] = 0
    mask[20:60, 110:150] = 2
    return mask


@pytest.fixture
def annotated(mask, model) -> PhotoAnnotation:
    return PhotoAnnotation("tom & <kit>.jpg", SIZE_HW, find_instances(mask), model.spec)


def loaded(text: str, tmp_path) -> COCO:
    path = tmp_path / "coco.json"
    path.write_text(text)
    return COCO(path)


@pytest.mark.parametrize(("name", "agreement"), [("coco", 0.98), ("rle", 1.0)])
def test_pycocotools_draws_each_pet_where_it_was(annotated, mask, tmp_path, name, agreement):
    dataset = loaded(EXPORTS[name].text(annotated), tmp_path)
    names = {category["id"]: category["name"] for category in dataset.loadCats(dataset.getCatIds())}
    assert names == {1: "cat", 2: "dog"}
    entries = dataset.loadAnns(dataset.getAnnIds(imgIds=1, iscrowd=False))
    assert [entry["category_id"] for entry in entries] == [1, 2]
    for entry in entries:
        drawn, own = dataset.annToMask(entry), (mask == entry["category_id"]).astype(np.uint8)
        assert np.sum(drawn & own) / np.sum(drawn | own) >= agreement
        assert entry["area"] == own.sum()
    # Columns 110 to 149, rows 20 to 59: x, y, width, height.
    assert entries[1]["bbox"] == [110, 20, 40, 40]


def test_polygons_are_lists_of_numbers_and_run_lengths_are_text(annotated):
    polygons, coded = (json.loads(EXPORTS[name].text(annotated))["annotations"][1] for name in ("coco", "rle"))
    corners = np.array(polygons["segmentation"][0]).reshape(-1, 2)
    assert sorted(corners.tolist()) == [[110, 20], [110, 60], [150, 20], [150, 60]]
    assert coded["segmentation"]["size"] == [90, 160]
    assert run_lengths.toBbox(coded["segmentation"]).tolist() == [110, 20, 40, 40]


def test_the_picture_is_described(annotated, model):
    document = json.loads(EXPORTS["coco"].text(annotated))
    assert document["images"] == [{"id": 1, "file_name": "tom & <kit>.jpg", "width": 160, "height": 90}]
    assert document["info"]["description"] == f"Segmented by fastsegnet {model.spec.version}"


def test_a_pet_of_several_parts_has_several_polygons(model, tmp_path):
    # Parts that touch by a corner are one pet and two polygons.
    mask = np.zeros((60, 60), np.uint8)
    mask[5:25, 5:25], mask[25:50, 25:50] = 1, 1
    annotated = PhotoAnnotation("two.jpg", (60, 60), find_instances(mask), model.spec)
    dataset = loaded(EXPORTS["coco"].text(annotated), tmp_path)
    (entry,) = dataset.loadAnns(dataset.getAnnIds())
    assert len(entry["segmentation"]) == 2
    np.testing.assert_array_equal(dataset.annToMask(entry), mask)


def test_a_tiny_pet_has_an_outline_too(model):
    mask = np.zeros((20, 20), np.uint8)
    mask[5, 5] = 1
    (entry,) = json.loads(EXPORTS["coco"].text(PhotoAnnotation("dot.jpg", (20, 20), find_instances(mask), model.spec)))[
        "annotations"
    ]
    assert len(entry["segmentation"][0]) == 8


def test_an_svg_has_the_pictures_size_and_a_path_for_each_pet(annotated):
    root = ET.fromstring(EXPORTS["svg"].text(annotated))
    assert root.get("viewBox") == "0 0 160 90"
    assert root.find(f"{SVG}title").text == "tom & <kit>.jpg"
    cat, dog = root.findall(f"{SVG}path")
    assert (cat.get("fill"), dog.get("fill")) == ("#E69F00", "#0072B2")
    assert cat.get("fill-rule") == "evenodd"
    assert cat.get("d").count("M") == 2  # the outer line and the hole
    assert cat.get("d").count("Z") == 2
    numbers = np.array([float(n) for n in re.findall(r"[\d.]+", dog.get("d"))]).reshape(-1, 2)
    assert sorted(numbers.tolist()) == [[110, 20], [110, 60], [150, 20], [150, 60]]


@pytest.mark.parametrize("name", EXPORTS)
def test_a_picture_without_pets_is_a_valid_file(model, name, tmp_path):
    text = EXPORTS[name].text(PhotoAnnotation("empty.jpg", SIZE_HW, [], model.spec))
    if name == "svg":
        assert ET.fromstring(text).findall(f"{SVG}path") == []
    else:
        assert loaded(text, tmp_path).getAnnIds() == []


def test_exports_are_chosen_by_name():
    assert parse_exports("coco, svg,coco") == ["coco", "svg"]
    assert parse_exports("") == []
    with pytest.raises(InputError, match=r"There is no export 'voc'\. Known: coco, rle, svg"):
        parse_exports("coco,voc")
