"""Sentences, by hand from small results."""

import numpy as np
import pytest

from demo import words
from demo.timing import Timings
from engine.latency import Measurement
from engine.segmenter import Segmentation
from engine.spec import ModelSpec

FP32, INT8 = "openvino-fp32", "openvino-int8"


def result(spec: ModelSpec, mask: np.ndarray, logit: float = 8.0, **timings: float) -> Segmentation:
    """A segmentation whose logits say of the upper half that it is no background, as surely as `logit`.

    There the background has -logit and cat and dog have 0 each, so that of the two the pets' share is
    2 / (2 + e^-logit): 1.00 for 8, 0.67 for 0, 0.55 for -0.5. "found" is 0.85 and more, "unsure" 0.65 and more.
    """
    height, width = spec.size_hw
    logits = np.zeros((4, height, width), np.float32)
    logits[0] = 8.0
    logits[0, : height // 2] = -logit
    return Segmentation(mask, logits, timings, spec, logits)


CAT = np.array([[1, 1], [0, 0]], np.uint8)
SURE, PERHAPS, TOO_LITTLE = 8.0, 0.0, -0.5


def samples(*total_ms: float) -> np.ndarray:
    """Rounds whose stages are a quarter, a half and a quarter of the total."""
    return np.array(total_ms)[:, None] * [0.25, 0.5, 0.25]


def timed(other_load: float | None = None, failures: dict[str, str] | None = None, **totals: tuple[float, ...]):
    """Timings of backends, rounds in milliseconds; "torch", "fp32", "int8"."""
    names = {"torch": "torch", "torchscript": "torchscript", "fp32": FP32, "int8": INT8}
    measured = {names[name]: samples(*rounds) for name, rounds in totals.items()}
    return Timings(Measurement(measured, np.zeros(9)), failures or {}, other_load)


def steady(ms: float) -> tuple[float, ...]:
    """Nine rounds of the same time: an interval of no width."""
    return (ms,) * 9


WILD, OTHERWISE = (5, 50, 10, 20), (10, 10, 40, 5)  # their ratio could be anything


def test_milliseconds_have_a_decimal_under_a_hundred():
    assert words.milliseconds(6.14) == "6.1 ms"
    assert words.milliseconds(140.4) == "140 ms"


def test_less_than_all_is_never_rounded_to_all():
    assert words.percent(1.0) == "100.0 %"
    assert words.percent(0.99999) == "99.9 %"
    assert words.percent(0.4125) == "41.2 %"


@pytest.mark.parametrize(
    ("low", "high", "text"), [(2.91, 3.34, "2.9 to 3.3"), (1.02, 1.04, "1.02 to 1.04"), (0.98, 1.29, "0.98 to 1.29")]
)
def test_an_interval_near_one_has_two_decimals(low, high, text):
    assert words.interval(low, high) == text


# --- What was found ---


def test_the_headline_has_the_pet_first_and_how_long_it_took(spec):
    # 1.5 + 20 + 2.5; reading the file is no part of it.
    sure = result(spec, CAT, SURE, read=9.0, preprocess=1.5, infer=20.0, postprocess=2.5)
    assert words.headline(sure) == "A cat, found in 24.0 ms."
    assert words.headline(result(spec, np.array([[1, 1, 1, 2]], np.uint8))) == "A cat and a dog, found."
    assert words.headline(result(spec, CAT, PERHAPS, infer=20.0)) == "Perhaps a cat."
    assert words.headline(result(spec, CAT, TOO_LITTLE)) == "No cat or dog found."


def test_what_was_touched_up_is_no_longer_the_networks(spec):
    assert words.touched_headline(result(spec, CAT, PERHAPS)) == "A cat, touched up by hand."
    assert words.touched_headline(result(spec, np.zeros((2, 2), np.uint8))) == "Nothing is left, by hand."


def test_the_detail_says_how_much_of_the_picture_it_is(spec):
    assert words.detail(result(spec, np.array([[1, 1, 2, 0]], np.uint8))) == "The picture is 50.0 % cat and 25.0 % dog."


def test_the_detail_of_what_is_not_sure_says_what_the_network_knows(spec):
    said = words.detail(result(spec, CAT, PERHAPS))
    assert said == "The network is not sure. It knows cats and dogs alone: this may be another animal, or none."


def test_where_nothing_is_found_the_best_guess_is_told_if_there_is_one(spec):
    mask = np.zeros((40, 25), np.uint8)
    assert words.detail(result(spec, mask, TOO_LITTLE)) == ""
    mask[0, 0] = 1  # 1 of 1000 pixels: 0.1 %
    assert words.detail(result(spec, mask, TOO_LITTLE)) == "Best guess: cat, 0.1 % of the picture."
    said = words.nothing_found(result(spec, mask, TOO_LITTLE))
    assert said == "No cat or dog found. Best guess: cat, 0.1 % of the picture."


def test_a_guess_that_is_too_little_is_no_pet_and_one_that_is_not_sure_is(spec):
    assert words.pets(result(spec, CAT, TOO_LITTLE)) == []
    assert words.pets(result(spec, CAT, PERHAPS)) == ["cat"]
    assert words.pets(result(spec, CAT, SURE)) == ["cat"]


def test_alternative_text_names_each_pet_and_its_share(spec):
    mask = np.array([[1, 1, 2, 0]], np.uint8)
    text = "cat covers 50.0 % and a dog covers 25.0 % of the picture."
    assert words.segmentation_in_words(result(spec, mask)) == f"A {text}"
    assert words.segmentation_in_words(result(spec, mask, PERHAPS)) == f"Perhaps a {text}"
    assert words.segmentation_in_words(result(spec, mask, TOO_LITTLE)).startswith("No cat or dog found.")


# --- Whether two backends agree ---


def test_two_who_see_the_same_are_told_with_the_share_that_agrees():
    said = words.sameness(FP32, INT8, 0.996, ["cat"], ["cat"])
    assert said == "OpenVINO INT8 and OpenVINO FP32 agree on 99.6 % of the pixels."


def test_the_order_of_the_pets_is_no_disagreement():
    assert words.sameness(FP32, INT8, 0.9, ["cat", "dog"], ["dog", "cat"]).endswith("agree on 90.0 % of the pixels.")


def test_two_who_see_different_pets_are_each_told():
    said = words.sameness(FP32, INT8, 0.5, ["cat"], ["dog"])
    assert said.endswith(
        "50.0 % of the pixels, but not on what it is: a dog with OpenVINO INT8, a cat with OpenVINO FP32."
    )
    said = words.sameness(FP32, INT8, 0.5, ["cat"], [])
    assert said.endswith("no pet with OpenVINO INT8, a cat with OpenVINO FP32.")


# --- How fast ---


def test_the_speed_carries_an_interval_against_pytorch_and_the_left_backend():
    # 40 / 5 = 8 and 10 / 5 = 2, in every round.
    assert words.speed(INT8, FP32, timed(torch=steady(40), fp32=steady(10), int8=steady(5))) == (
        "OpenVINO INT8 takes 5.0 ms here: 8.0x faster than PyTorch (8.0 to 8.0), "
        "2.0x faster than OpenVINO FP32 (2.0 to 2.0)."
    )


def test_pytorch_is_named_once_and_never_beside_itself():
    timings = timed(torch=steady(40), fp32=steady(10), int8=steady(5))
    assert words.speed(INT8, "torch", timings).count("PyTorch") == 1
    assert words.speed("torch", INT8, timings) == (
        "PyTorch takes 40.0 ms here: 8.0x slower than OpenVINO INT8 (8.0 to 8.0)."
    )


def test_pytorch_beside_itself_is_compared_with_the_last_lane():
    said = words.speed("torch", "torch", timed(torch=steady(40), fp32=steady(10), int8=steady(5)))
    assert said == "PyTorch takes 40.0 ms here: 8.0x slower than OpenVINO INT8 (8.0 to 8.0)."


def test_the_same_speed_is_neither_faster_nor_slower():
    said = words.speed(INT8, "torch", timed(torch=steady(10), int8=steady(10)))
    assert said == "OpenVINO INT8 takes 10.0 ms here: as fast as PyTorch (1.00 to 1.00)."


def test_where_nothing_can_be_told_it_is_said_why():
    timings = timed(torch=WILD, int8=OTHERWISE)
    assert words.speed(INT8, "torch", timings) == "How fast cannot be told: the times are too uneven, time it again."
    busy = timed(torch=WILD, int8=OTHERWISE, other_load=0.4)
    said = words.speed(INT8, "torch", busy)
    assert said == "How fast cannot be told: something else uses this machine (40.0 % of it)."


def test_what_can_be_told_is_told_beside_what_cannot():
    said = words.speed(INT8, FP32, timed(torch=WILD, fp32=(20, 20, 20, 20), int8=(10, 10, 10, 10)))
    assert said == (
        "OpenVINO INT8 takes 10.0 ms here: 2.0x faster than OpenVINO FP32 (2.0 to 2.0). "
        "Against PyTorch it cannot be told: the times are too uneven, time it again."
    )


@pytest.mark.parametrize("load", [None, 0.0, words.BUSY])
def test_others_are_blamed_only_where_they_took_much(load):
    assert words.reason(timed(other_load=load)) == "the times are too uneven, time it again"


def test_a_backend_that_did_not_run_is_told_with_its_reason():
    timings = timed(failures={INT8: "It ran out of memory."}, torch=steady(40))
    assert words.speed(INT8, "torch", timings) == "OpenVINO INT8 cannot answer here: It ran out of memory."


def test_a_rival_that_did_not_run_is_left_out():
    said = words.speed(INT8, FP32, timed(failures={"torch": "It is missing."}, fp32=steady(10), int8=steady(5)))
    assert said == "OpenVINO INT8 takes 5.0 ms here: 2.0x faster than OpenVINO FP32 (2.0 to 2.0)."


def test_a_lead_of_uncertain_size_is_a_lead():
    # The median of 20, 20, 40, 80 drawn anew is anything from 20 to 80, that of INT8 always 10: 2.0 to 8.0.
    said = words.speed(INT8, "torch", timed(torch=(20, 20, 40, 80), int8=(10, 10, 10, 10)))
    assert said == ("OpenVINO INT8 takes 10.0 ms here: faster than PyTorch, how much is uncertain (2.0 to 8.0x).")


def test_little_is_not_nothing():
    assert words.percent(0.0) == "0.0 %"
    assert words.percent(0.0003) == "under 0.1 %"
