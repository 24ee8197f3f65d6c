"""A result in words: the sentence that comes before every chart."""

from collections.abc import Mapping, Sequence

import numpy as np

from demo.lanes import BASELINE
from demo.looks import label
from demo.timing import Timings
from engine.latency import compare
from engine.segmenter import NOTHING, UNSURE, Segmentation

BUSY = 0.15  # share of the machine that others may take before they are blamed for uneven times


def milliseconds(value: float) -> str:
    """ "6.1 ms" under 100, "140 ms" above."""
    return f"{value:.1f} ms" if value < 100 else f"{value:.0f} ms"


def percent(share: float) -> str:
    """ "99.6 %"; nothing that is less than all is rounded to all."""
    text = f"{share * 100:.1f} %"
    if text == "0.0 %" and share > 0:
        return "under 0.1 %"
    return "99.9 %" if text == "100.0 %" and share < 1 else text


def times(ratio: float) -> str:
    """ "1.4x"."""
    return f"{ratio:.1f}x"


def pets(segmentation: Segmentation) -> list[str]:
    """The animals found, or perhaps found, the largest first."""
    return segmentation.pets if segmentation.found != NOTHING else []


def with_article(names: Sequence[str]) -> str:
    """ "a cat and a dog"."""
    return " and ".join(f"a {name}" for name in names)


def capital(text: str) -> str:
    """The same, begun with a capital letter."""
    return text[:1].upper() + text[1:]


def headline(segmentation: Segmentation) -> str:
    """The answer: "A cat, found in 24 ms.", "Perhaps a cat." or "No cat or dog found." """
    if segmentation.found == NOTHING:
        return "No cat or dog found."
    named = with_article(segmentation.pets)
    if segmentation.found == UNSURE:
        return f"Perhaps {named}."
    took_ms = sum(spent for stage, spent in segmentation.timings.items() if stage != "read")
    return f"{capital(named)}, found in {milliseconds(took_ms)}." if took_ms else f"{capital(named)}, found."


def touched_headline(segmentation: Segmentation) -> str:
    """The same of what was touched up, where a person has decided: "A cat, touched up by hand." """
    named = with_article(segmentation.pets)
    return f"{capital(named)}, touched up by hand." if named else "Nothing is left, by hand."


def detail(segmentation: Segmentation) -> str:
    """What comes under the headline: how much of the picture, or what to make of an unsure answer."""
    if segmentation.found == NOTHING:
        return best_guess(segmentation)
    parts = [f"{percent(segmentation.areas[name])} {name}" for name in segmentation.pets]
    text = f"The picture is {' and '.join(parts)}."
    if segmentation.found == UNSURE:
        return "The network is not sure. It knows cats and dogs alone: this may be another animal, or none."
    return text


def segmentation_in_words(segmentation: Segmentation) -> str:
    """The result for someone who cannot see it: "A cat covers 41.2 % of the picture." """
    if segmentation.found == NOTHING:
        return nothing_found(segmentation)
    parts = [f"a {name} covers {percent(segmentation.areas[name])}" for name in segmentation.pets]
    text = " and ".join(parts) + " of the picture."
    return f"Perhaps {text}" if segmentation.found == UNSURE else capital(text)


def nothing_found(segmentation: Segmentation) -> str:
    """ "No cat or dog found. Best guess: cat, 0.2 % of the picture." """
    return " ".join(filter(None, ["No cat or dog found.", best_guess(segmentation)]))


def best_guess(segmentation: Segmentation) -> str:
    """ "Best guess: cat, 0.2 % of the picture.", or "" where there is none."""
    if not segmentation.pets:
        return ""
    name = segmentation.pets[0]
    return f"Best guess: {name}, {percent(segmentation.areas[name])} of the picture."


def sameness(left: str, right: str, agreement: float, left_pets: Sequence[str], right_pets: Sequence[str]) -> str:
    """Whether two backends see the same, in one sentence.

    Args:
        left, right: the backends.
        agreement: share of the pixels, 0 to 1.
        left_pets, right_pets: what each found.
    """
    text = f"{label(right)} and {label(left)} agree on {percent(agreement)} of the pixels"
    if set(left_pets) == set(right_pets):
        return f"{text}."
    seen = [with_article(found) or "no pet" for found in (right_pets, left_pets)]
    return f"{text}, but not on what it is: {seen[0]} with {label(right)}, {seen[1]} with {label(left)}."


def speed(right: str, left: str, timings: Timings) -> str:
    """How fast the right backend answers against the left one and PyTorch, with intervals; or why it cannot be told.

    Example:
        "OpenVINO INT8 takes 17.1 ms here: 3.1x faster than PyTorch (2.9 to 3.3), 1.9x faster than
        OpenVINO FP32 (1.8 to 2.0)."
    """
    samples = timings.measured.samples
    if right not in samples:
        return f"{label(right)} cannot answer here: {timings.failures.get(right, 'it failed.')}"
    took_ms = float(np.median(samples[right].sum(axis=1)))
    rivals = [name for name in dict.fromkeys((BASELINE, left)) if name != right and name in samples]
    rivals = rivals or [name for name in samples if name != right][-1:]  # PyTorch beside itself: against the last lane
    compared = {name: compare(samples[name], samples[right]) for name in rivals}
    if rivals and all(is_noise(each) for each in compared.values()):
        return f"How fast cannot be told: {reason(timings)}."
    told = [f"{label(right)} takes {milliseconds(took_ms)} here"]
    leads = [lead(name, each) for name, each in compared.items() if not is_noise(each)]
    text = ": ".join(filter(None, [*told, ", ".join(leads)])) + "."
    unsure = [label(name) for name, each in compared.items() if is_noise(each)]
    return f"{text} Against {' and '.join(unsure)} it cannot be told: {reason(timings)}." if unsure else text


def is_noise(compared: Mapping) -> bool:
    """Whether a ratio (of `engine.latency.compare`) tells nothing, not even which of the two is faster."""
    low, high = compared["ci95"]
    return is_wide(compared) and low <= 1 <= high


def is_wide(compared: Mapping) -> bool:
    """Whether an interval is too wide to say how much."""
    return compared["verdict"].startswith("too noisy")


def reason(timings: Timings) -> str:
    """Why times are too uneven to say anything."""
    if (timings.other_load or 0.0) > BUSY:
        return f"something else uses this machine ({percent(timings.other_load or 0.0)} of it)"
    return "the times are too uneven, time it again"


def lead(rival: str, compared: Mapping) -> str:
    """ "3.1x faster than PyTorch (2.9 to 3.3)", from a ratio of the rival's time to ours."""
    ratio, (low, high) = compared["median"], compared["ci95"]
    if is_wide(compared):
        faster, least, most = ("faster", low, high) if low > 1 else ("slower", 1 / high, 1 / low)
        return f"{faster} than {label(rival)}, how much is uncertain ({interval(least, most)}x)"
    if compared["verdict"] == "faster":
        return f"{times(ratio)} faster than {label(rival)} ({interval(low, high)})"
    if compared["verdict"] == "slower":
        return f"{times(1 / ratio)} slower than {label(rival)} ({interval(1 / high, 1 / low)})"
    return f"as fast as {label(rival)} ({interval(low, high)})"


def interval(low: float, high: float) -> str:
    """ "2.9 to 3.3"; with two decimals where one would hide that it is one."""
    digits = 1 if high >= 1.3 else 2
    return f"{low:.{digits}f} to {high:.{digits}f}"
