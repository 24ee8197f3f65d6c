"""Every effect on a drawn picture: what it does to the pet, to the ground, and where there is no pet."""

import numpy as np
import pytest

from engine.drawing import rgb
from engine.effects import EFFECTS, EffectOptions, apply_effect, blurred_ground, check_effect
from engine.errors import InputError

CAT, GROUND = (240, 200, 20), (10, 40, 200)
INSIDE, OUTSIDE = (60, 60), (20, 140)
BACKGROUND = np.full((30, 40, 3), 90, np.uint8)
FAST = EffectOptions(background=BACKGROUND, edge="fast")


def draw(class_id: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """A square pet at 30..90, 30..90 of 120 x 160, and its probabilities at half that size."""
    image = np.empty((120, 160, 3), np.uint8)
    image[:] = GROUND
    image[30:90, 30:90] = CAT
    probabilities = np.zeros((4, 60, 80), np.float32)
    probabilities[0] = 1
    probabilities[0, 15:45, 15:45], probabilities[class_id, 15:45, 15:45] = 0, 1
    return image, probabilities


def nothing() -> tuple[np.ndarray, np.ndarray]:
    image, _ = draw()
    return image, np.ascontiguousarray(np.broadcast_to(np.array([1, 0, 0, 0], np.float32)[:, None, None], (4, 60, 80)))


@pytest.fixture(params=["fine", "fast"])
def options(request) -> EffectOptions:
    return EffectOptions(color="#CC79A7", background=BACKGROUND, edge=request.param)


@pytest.mark.parametrize("name", EFFECTS)
def test_an_effect_keeps_the_size_and_leaves_what_it_got_alone(model, options, name):
    image, probabilities = draw()
    before = image.copy(), probabilities.copy()
    drawn = apply_effect(name, image, probabilities, model.spec, options)
    assert drawn.shape == image.shape
    assert drawn.dtype == np.uint8
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(probabilities, before[1])


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        # Cat over at 45 %: 0.55 * (240, 200, 20) + 0.45 * (230, 159, 0) = (235.5, 181.55, 11).
        ("overlay", (236, 182, 11), GROUND),
        ("cutout", CAT, (204, 121, 167)),
        ("blur", CAT, GROUND),
        ("replace", CAT, (90, 90, 90)),
        ("outline", CAT, GROUND),
        ("sticker", CAT, (204, 121, 167)),
    ],
)
def test_what_an_effect_does_to_the_pet_and_to_the_ground(model, options, name, inside, outside):
    drawn = apply_effect(name, *draw(), model.spec, options).astype(int)
    np.testing.assert_allclose(drawn[INSIDE], inside, atol=1)
    np.testing.assert_allclose(drawn[OUTSIDE], outside, atol=1)


@pytest.mark.parametrize("name", EFFECTS)
@pytest.mark.parametrize("edge", ["fine", "fast"])
def test_without_a_pet_there_is_the_ground_alone(model, name, edge):
    image, probabilities = nothing()
    options = EffectOptions(background=BACKGROUND, blur=0, edge=edge)
    drawn = apply_effect(name, image, probabilities, model.spec, options)
    ground = {"cutout": rgb(options.color), "sticker": rgb(options.color), "replace": (90, 90, 90)}
    np.testing.assert_array_equal(drawn, np.broadcast_to(ground[name], image.shape) if name in ground else image)


def test_a_blurred_ground_holds_nothing_of_the_pet(model):
    # The ground is one colour, so that blurring it may change nothing: what differs would be the pet's.
    image, probabilities = draw()
    drawn = apply_effect("blur", image, probabilities, model.spec, EffectOptions(blur=0.1, edge="fast")).astype(int)
    outside = np.ones(image.shape[:2], bool)
    outside[26:94, 26:94] = False
    np.testing.assert_allclose(drawn[outside], np.broadcast_to(GROUND, drawn[outside].shape), atol=1)


@pytest.mark.parametrize(("sigma", "expected"), [(2.0, 179), (10.0, 171)])
def test_a_ground_is_blurred_by_as_much_as_it_is_told(sigma, expected):
    # A step from 0 to 200 before column 100, blurred by a Gaussian. The centre of column 102 lies 2.5 px behind it,
    # which is 1.25 sigma of 2: 200 * 0.894 = 179. That of column 110 is 1.05 sigma of 10: 200 * 0.853 = 171.
    image = np.zeros((80, 200, 3), np.uint8)
    image[:, 100:] = 200
    blurred = blurred_ground(image, np.zeros((80, 200), np.uint8), sigma)[40, :, 0].astype(int)
    assert blurred[100 + round(sigma)] == pytest.approx(expected, abs=4)
    assert (blurred[99] + blurred[100]) / 2 == pytest.approx(100, abs=3)


def test_no_blur_is_the_picture():
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    assert blurred_ground(image, np.zeros((40, 50), np.uint8), 0) is image


def test_a_picture_that_is_all_pet_has_a_ground_without_holes():
    image = np.full((40, 50, 3), 120, np.uint8)
    assert np.isfinite(blurred_ground(image, np.full((40, 50), 255, np.uint8), 5)).all()


def luminance(color: tuple[int, ...]) -> float:
    """Relative luminance of sRGB, as WCAG 2 defines it."""
    linear = [v / 255 / 12.92 if v / 255 <= 0.04045 else ((v / 255 + 0.055) / 1.055) ** 2.4 for v in color]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


@pytest.mark.parametrize(("class_id", "color"), [(1, "#E69F00"), (2, "#0072B2")])
@pytest.mark.parametrize("ground", [0, 255, "own"])
def test_an_outline_can_be_told_from_any_ground(model, class_id, color, ground):
    image, probabilities = draw(class_id)
    image[:] = rgb(color) if ground == "own" else ground
    drawn = apply_effect("outline", image, probabilities, model.spec, FAST)
    row = drawn[60, 20:40].astype(int)
    # Somewhere across the line two neighbours in it differ by 3 : 1, what WCAG asks of graphics.
    lights = sorted(luminance(tuple(pixel)) + 0.05 for pixel in row)
    assert lights[-1] / lights[0] > 3
    assert abs(row - rgb(color)).sum(axis=1).min() < 12  # and it has the class's colour


def test_a_cat_and_a_dog_get_a_line_each(model):
    image, probabilities = draw(1)
    probabilities[0, 15:45, 55:75], probabilities[2, 15:45, 55:75] = 0, 1
    drawn = apply_effect("outline", image, probabilities, model.spec, FAST).astype(int)
    for column, color in ((30, "#E69F00"), (110, "#0072B2")):
        line = drawn[60, column - 6 : column + 6]
        assert abs(line - rgb(color)).sum(axis=1).min() < 12
        other = "#0072B2" if color == "#E69F00" else "#E69F00"
        assert abs(line - rgb(other)).sum(axis=1).min() > 60


def test_a_sticker_has_a_white_margin(model):
    drawn = apply_effect("sticker", *draw(), model.spec, FAST)
    # The margin is 160 / 60 = 2.7 px, at least 3: columns 27 to 29 beside the pet.
    assert (drawn[60, 28] > 240).all()
    assert drawn[60, 20].tolist() == list(rgb(FAST.color))


def test_a_background_of_any_size_covers(model):
    image, probabilities = draw()
    for size_hw in ((1, 1), (300, 20), (16, 500)):
        options = EffectOptions(background=np.full((*size_hw, 3), 70, np.uint8), edge="fast")
        assert apply_effect("replace", image, probabilities, model.spec, options)[OUTSIDE].tolist() == [70, 70, 70]


def test_an_unknown_effect_lists_the_known_ones(model):
    with pytest.raises(InputError, match=r"no effect 'glow'\. Known: blur, cutout, outline, overlay, replace, sticker"):
        apply_effect("glow", *draw(), model.spec)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("replace", EffectOptions(), "needs a background. Give a picture for it."),
        ("cutout", EffectOptions(color="teal"), "'teal' is not a colour we can read"),
        ("blur", EffectOptions(blur=0.3), "A blur of 0.3 of the longer side cannot be made. Give 0 to 0.2."),
        ("blur", EffectOptions(blur=-0.1), "A blur of -0.1 "),
        ("blur", EffectOptions(blur=float("nan")), "A blur of nan "),
    ],
)
def test_what_an_effect_cannot_use_is_refused(model, name, options, words):
    with pytest.raises(InputError, match=words):
        check_effect(name, options)
    with pytest.raises(InputError, match=words):
        apply_effect(name, *draw(), model.spec, options)


@pytest.mark.parametrize("name", EFFECTS)
@pytest.mark.parametrize("size_hw", [(16, 16), (17, 333), (333, 17)])
def test_odd_sizes_are_drawn(model, options, name, size_hw):
    image = np.random.default_rng(0).integers(0, 256, (*size_hw, 3), dtype=np.uint8)
    assert apply_effect(name, image, draw()[1], model.spec, options).shape == image.shape
