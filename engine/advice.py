"""What the measurements mean for someone who has to decide; one rule, one function, one reason.

A rule looks at the result of a benchmark (the fields of `benchmark --json`, of which layers, roofline and start-up may
be missing) and answers with a sentence or two, or with None where it has nothing to say. `RULES` is the order in which
a reader meets them.
"""

from collections.abc import Callable, Mapping

from engine.backends import FP32_BACKEND, INT8_BACKEND

EAGER, COMPILED = "torch", "torch-compile"
NOISY_LOAD = 0.10  # share of the cores that others took before the start
AROUND_SHARE = 0.25  # of a backend's latency outside the network that is worth a word
DEAR_LAYER = 0.10  # of the network's time in one layer that is worth a word
FLOAT_SHARE = 0.15  # of an INT8 model's time outside INT8 that is worth a word
LOST_POINTS = 0.3  # of IoU between FP32 and INT8 that a user may see

Rule = Callable[[Mapping], str | None]


def advise(result: Mapping) -> list[dict[str, str]]:
    """All that the rules have to say: a list of "rule" (its name) and "text"."""
    said = ((rule.__name__, rule(result)) for rule in RULES)
    return [{"rule": name, "text": text} for name, text in said if text]


def noise(result: Mapping) -> str | None:
    """Others at work, or an interval too wide for a verdict: the remedy is to measure again, not to believe."""
    load = result["machine"].get("other_load")
    if load is not None and load > NOISY_LOAD:
        return (
            f"Others took {load:.0%} of the cores just before the start. Stop what else runs and measure again before "
            "you believe a small difference."
        )
    noisy = [pair for pair, ratio in result["ratios"].items() if ratio["verdict"].startswith("too noisy")]
    if noisy:
        return (
            f"Too noisy to judge: {', '.join(noisy)}. Measure longer (--seconds), on a machine with nothing else to do."
        )
    return None


def instruction_sets(result: Mapping) -> str | None:
    """What the CPU can gain from INT8 at all: VNNI multiplies and adds four bytes where FP32 takes one float.

    Without it the same takes three instructions, so that dense convolutions reach 2.4 times their FP32 speed and
    depthwise ones 1.3 times (measured on a CPU with AVX2 alone).
    """
    sets = result["machine"]["instruction_sets"]
    if any("AMX INT8" in name for name in sets):
        return "This CPU has AMX: its tiles do 16 times the INT8 arithmetic of FP32, so memory and small layers decide."
    if any("VNNI" in name for name in sets):
        return "This CPU has VNNI: INT8 arithmetic is at most 4x that of FP32."
    return "This CPU has no VNNI: expect 1.3x (depthwise) to 2.4x (dense convolutions) from INT8, not 4x."


def quantization(result: Mapping) -> str | None:
    """The question of the whole lab: what INT8 buys over the same runtime in FP32, and what it costs."""
    ratio = result["ratios"].get(f"{FP32_BACKEND}/{INT8_BACKEND}")
    if ratio is None or ratio["verdict"] not in ("faster", "slower"):
        return None
    low, high = ratio["ci95"]
    text = f"INT8 is {ratio['median']:.1f}x [{low:.1f}, {high:.1f}] as fast as FP32 in OpenVINO"
    if ratio["verdict"] == "slower":
        return f"{text}: stay with FP32 here."
    scores = [result["backends"][name].get("binary_iou") for name in (FP32_BACKEND, INT8_BACKEND)]
    if None in scores:
        return f"{text}."
    lost = (scores[0] - scores[1]) * 100
    if lost > LOST_POINTS:
        return f"{text}, and loses {lost:.1f} points of binary IoU: look at the masks before you take it."
    return f"{text} and {'loses' if lost > 0 else 'gains'} {abs(lost):.2f} points of binary IoU: take it."


def around_the_network(result: Mapping) -> str | None:
    """Amdahl: once the network is fast, resizing and masks are what is left to make faster."""
    fastest = min(result["backends"], key=lambda name: result["backends"][name]["latency_ms"]["median"], default=None)
    if fastest is None:
        return None
    entry = result["backends"][fastest]
    stages = {stage: ms for stage, ms in entry["stages_ms"].items() if stage != "infer"}
    share = sum(stages.values()) / sum(entry["stages_ms"].values())
    if share < AROUND_SHARE:
        return None
    dearest = max(stages, key=lambda stage: stages[stage])
    return (
        f"{share:.0%} of {fastest}'s time is spent around the network, most of it to {dearest} "
        f"({stages[dearest]:.1f} ms): a faster network can win no more than the rest."
    )


def dearest_layer(result: Mapping) -> str | None:
    """One layer that takes much of the time is where a change of the network's shape pays first."""
    layers = result.get("layers")
    if not layers or not layers["dearest"]:
        return None
    first, backend = layers["dearest"][0], list(layers["backends"])[-1]
    if first["share"] < DEAR_LAYER:
        return f"No layer stands out: the dearest, a {first['what']}, takes {first['share']:.0%} of the network's time."
    return f"{first['share']:.0%} of the network's time in {backend} is one layer: {first['what']}. Change that first."


def float_layers(result: Mapping) -> str | None:
    """Layers that stay in FP32 inside an INT8 network, and the changes of precision around them, cap its gain."""
    entry = (result.get("layers") or {"backends": {}})["backends"].get(INT8_BACKEND)
    if entry is None or 1 - entry["int8_share"] < FLOAT_SHARE:
        return None
    floats = [group for group in entry["by_type"] if group["precision"] != "INT8"]
    dearest = max(floats, key=lambda group: group["ms"])
    return (
        f"{1 - entry['int8_share']:.0%} of the INT8 network's time is not in INT8, most of it {dearest['type']} in "
        f"{dearest['precision']} ({dearest['ms']:.1f} ms); precision changes hands {entry['precision_changes']} times."
    )


def limit(result: Mapping) -> str | None:
    """Far below the measured peak, time goes to small layers and memory, and fewer operations will not help much."""
    entry = (result.get("roofline") or {"backends": {}})["backends"].get(INT8_BACKEND)
    if entry is None:
        return None
    return (
        f"INT8 reaches {entry['share_of_peak']:.0%} of the peak that was measured here "
        f"({entry['achieved_gops']:.0f} of {entry['peak_gops']:.0f} Gop/s); at the peak the network would take "
        f"{entry['least_ms']:.1f} ms instead of {entry['network_ms']:.1f}. The rest goes to what moves more "
        "bytes than it multiplies: depthwise and small layers, sums, softmax."
    )


def allocator(result: Mapping) -> str | None:
    """A fair baseline: eager PyTorch spends much of its time on page faults that an allocator can avoid."""
    if EAGER not in result["backends"] or result["machine"]["allocator"] != "glibc malloc":
        return None
    return (
        f"PyTorch ran with {result['machine']['allocator']} as it comes. Its best case is --torch-allocator tuned: "
        "compare with that before you quote a speed-up."
    )


def compiling(result: Mapping) -> str | None:
    """torch.compile pays its start back only after so many pictures."""
    entry, eager = (result["backends"].get(name) for name in (COMPILED, EAGER))
    if entry is None or eager is None or "startup" not in entry:
        return None
    saved_ms = eager["latency_ms"]["median"] - entry["latency_ms"]["median"]
    compile_ms = entry["startup"]["compile_ms"]
    if saved_ms <= 0:
        return f"torch.compile takes {compile_ms / 1e3:.0f} s to start and is no faster than eager here: leave it."
    return (
        f"torch.compile takes {compile_ms / 1e3:.0f} s to start and saves {saved_ms:.1f} ms a picture: "
        f"it pays after {compile_ms / saved_ms:,.0f} pictures."
    )


RULES: tuple[Rule, ...] = (
    noise, quantization, instruction_sets, around_the_network, dearest_layer, float_layers, limit, allocator, compiling,
)  # fmt: skip
