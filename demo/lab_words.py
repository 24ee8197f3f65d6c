"""A benchmark in words: what was measured, and nothing that was not."""

from collections.abc import Mapping

from demo.lanes import BASELINE
from demo.looks import label
from demo.words import milliseconds, percent
from engine.backends import INT8_BACKEND
from engine.sweep import in_words, options_of

NOISY = "too noisy"
OPPOSITE = {"faster": "slower", "slower": "faster"}


def headline(benchmark: Mapping) -> str:
    """The quickest backend and its lead, or why there is none.

    Example:
        "OpenVINO INT8 answers in 5.2 ms: 4.8x [4.6, 4.9] faster than PyTorch, 1.8x [1.7, 1.8] than OpenVINO FP32."
    """
    medians = {name: entry["latency_ms"]["median"] for name, entry in benchmark["backends"].items()}
    if not medians:
        return "Cancelled before anything was timed."
    ranked = sorted(medians, key=medians.__getitem__)
    first = ranked[0]
    text = f"{label(first)} answers in {milliseconds(medians[first])}"
    if len(ranked) == 1:
        p90 = benchmark["backends"][first]["latency_ms"]["p90"]
        return f"{text}, nine times in ten in {milliseconds(p90)} or less."
    baseline = BASELINE if BASELINE in medians else next(iter(medians))
    rivals = dict.fromkeys(name for name in (baseline, ranked[1]) if name != first)
    ratios = {rival: ratio(benchmark["ratios"], rival, first) for rival in rivals}
    leads = [(rival, each) for rival, each in ratios.items() if each["verdict"] == "faster"]
    others = [(rival, each) for rival, each in ratios.items() if each["verdict"] != "faster"]
    if leads:
        (rival, each), *rest = leads
        text += f": {interval(each)} faster than {label(rival)}"
        text += "".join(f", {interval(each)} than {label(rival)}" for rival, each in rest)
    return " ".join([f"{text}.", *(no_lead(rival, each) for rival, each in others)])


def no_lead(rival: str, compared: Mapping) -> str:
    """A sentence on a rival that was not clearly beaten."""
    if compared["verdict"].startswith(NOISY):
        return f"Against {label(rival)} it is too noisy to call: repeat."
    return f"No significant difference to {label(rival)}."


def ratio(ratios: Mapping[str, Mapping], slow: str, fast: str) -> dict:
    """How many times faster `fast` is than `slow`, whichever of them was named first.

    Example:
        Of {"a/b": 2.0 in [1.6, 2.5], "faster"}, `ratio(ratios, "b", "a")` is 0.5 in [0.4, 0.625], "slower".
    """
    if f"{slow}/{fast}" in ratios:
        return dict(ratios[f"{slow}/{fast}"])
    known = ratios[f"{fast}/{slow}"]
    low, high = known["ci95"]
    return {
        "median": 1 / known["median"],
        "ci95": [1 / high, 1 / low],
        "verdict": OPPOSITE.get(known["verdict"], known["verdict"]),
    }


def interval(compared: Mapping) -> str:
    """ "4.8x [4.6, 4.9]"; with two decimals near 1, where one would say nothing."""
    digits = 2 if compared["median"] < 1.2 else 1
    low, high = compared["ci95"]
    return f"{compared['median']:.{digits}f}x [{low:.{digits}f}, {high:.{digits}f}]"


def circumstances(benchmark: Mapping) -> str:
    """What the numbers were measured with, in one line."""
    picture, machine = benchmark["picture"], benchmark["machine"]
    height, width = picture["size_hw"]
    source = "a drawn picture" if picture["source"] == "drawn" else picture["source"]
    rounds = benchmark["rounds"]
    return (
        f"{rounds} round{'' if rounds == 1 else 's'} with {source}, {width} x {height} px, from the decoded picture "
        f"to its mask; reading the file takes {milliseconds(benchmark['read_ms'])} more. "
        f"{machine['cpu']}, {machine['cores']} cores, {machine['allocator']}."
    )


def sweep_sentence(sweep: Mapping, limit_ms: float | None, spot: dict | None) -> str:
    """The setting to take within a limit of latency, or that there is none.

    Args:
        sweep: the fields of `sweep --json`.
        limit_ms: what nine calls in ten must keep.
        spot: the best point within it.
    """
    name, points = label(sweep["backend"]), sweep["points"]
    if spot is None:
        assert limit_ms is not None  # without a limit one of the settings is the best
        quickest = min(point["latency_ms"]["p90"] for point in points)
        return (
            f"No setting of {name} answers nine calls in ten within {milliseconds(limit_ms)}; "
            f"the quickest needs {milliseconds(quickest)}."
        )
    within = f" within {milliseconds(limit_ms)}" if limit_ms is not None else ""
    return (
        f"Most pictures a second{within}: {in_words(options_of(spot))} gives {pictures(spot['throughput_fps'])}, "
        f"nine calls in ten within {milliseconds(spot['latency_ms']['p90'])}."
    )


def pictures(throughput_fps: float) -> str:
    """ "240 pictures/s"."""
    return f"{throughput_fps:.0f} pictures/s" if throughput_fps >= 10 else f"{throughput_fps:.1f} pictures/s"


def layers_sentence(layers: Mapping) -> str:
    """How much of the quantized network's time is spent in INT8; of the others, how long they take."""
    sentences = []
    for name, entry in layers["backends"].items():
        total = milliseconds(entry["total_ms"])
        if name == INT8_BACKEND:
            sentences.append(
                f"{label(name)} spends {percent(entry['int8_share'])} of its {total} in INT8 layers; the precision "
                f"changes {count(entry['precision_changes'])} on the way."
            )
        else:
            sentences.append(f"{label(name)}'s layers take {total}.")
    return " ".join(sentences)


def roofline_sentence(roofline: Mapping) -> str:
    """The peaks that were measured."""
    return (
        f"Measured peaks of this machine: {roofline['fp32_gflops']:.0f} GFLOP/s in FP32, "
        f"{roofline['int8_gops']:.0f} Gop/s in INT8, {roofline['bandwidth_gbs']:.0f} GB/s of memory."
    )


def count(number: int) -> str:
    """ "once", "5 times"."""
    return "once" if number == 1 else f"{number} times"
