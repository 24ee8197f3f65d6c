"""A result in words: the sentence that comes before every chart."""

from collections.abc import Mapping

from demo.lanes import BASELINE
from demo.looks import label
from engine.segmenter import NOTHING, Segmentation

SLIGHT = 0.05  # a lead of less than this share is called none


def milliseconds(value: float) -> str:
    """ "6.1 ms" under 100, "140 ms" above."""
    return f"{value:.1f} ms" if value < 100 else f"{value:.0f} ms"


def percent(share: float) -> str:
    """ "99.6 %"; nothing that is less than all is rounded to all."""
    text = f"{share * 100:.1f} %"
    return "99.9 %" if text == "100.0 %" and share < 1 else text


def times(ratio: float) -> str:
    """ "1.4x"."""
    return f"{ratio:.1f}x"


def pets(segmentation: Segmentation) -> list[str]:
    """The animals found, or perhaps found, the largest first."""
    return segmentation.pets if segmentation.found != NOTHING else []


def segmentation_in_words(segmentation: Segmentation) -> str:
    """The result for someone who cannot see it: "A cat covers 41.2 % of the picture." """
    found = pets(segmentation)
    if not found:
        return nothing_found(segmentation)
    parts = [f"a {name} covers {percent(segmentation.areas[name])}" for name in found]
    text = " and ".join(parts) + " of the picture."
    return text[0].upper() + text[1:]


def nothing_found(segmentation: Segmentation) -> str:
    """ "No cat or dog found. Best guess: cat, 0.2 % of the picture." """
    share, name = max((share, name) for name, share in segmentation.areas.items())
    guess = f" Best guess: {name}, {percent(share)} of the picture." if share else ""
    return f"No cat or dog found.{guess}"


def verdict(left: Segmentation, right: Segmentation, agreement: float) -> str:
    """Whether two backends see the same, in one sentence."""
    left_pets, right_pets = pets(left), pets(right)
    if not left_pets and not right_pets:
        return nothing_found(right)
    share = f"{percent(agreement)} of the pixels agree"
    if set(left_pets) == set(right_pets):
        return f"Same {' and '.join(left_pets)} in both: {share}."
    seen = [" and ".join(f"a {name}" for name in found) or "no pet" for found in (left_pets, right_pets)]
    return f"Not the same: {seen[0]} on the left, {seen[1]} on the right; {share}."


def race(left: str, right: str, medians: Mapping[str, float]) -> str:
    """How fast the right backend answered, against the left one and PyTorch.

    Args:
        left: backend.
        right: backend.
        medians: milliseconds by backend, end to end from decoded picture to mask.
    """
    text = f"{label(right)} answered in {milliseconds(medians[right])}"
    rivals = dict.fromkeys(name for name in (left, BASELINE) if name != right and name in medians)
    leads = [lead(name, medians[name] / medians[right]) for name in rivals]
    return ", ".join([text, *leads]) + "."


def lead(rival: str, ratio: float) -> str:
    """ "1.4x faster than OpenVINO FP32"."""
    if abs(ratio - 1) < SLIGHT:
        return f"no faster or slower than {label(rival)}"
    if ratio > 1:
        return f"{times(ratio)} faster than {label(rival)}"
    return f"{times(1 / ratio)} slower than {label(rival)}"
