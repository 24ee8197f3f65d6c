"""A rendered clip in words: the sentence that comes before the chart."""

from collections.abc import Mapping

from demo.looks import label
from demo.words import milliseconds, percent, times

SLIGHT = 0.05  # a lead of less than this is none


def headline(result: Mapping) -> str:
    """What was done, how fast, and what is in it.

    Args:
        result: the fields of `video --json`.

    Example:
        "12.0 s of video in 8.1 s, 1.5x real time: 360 frames, a cat in 98.0 % of them."
    """
    pace = times(result["clip_seconds"] / result["seconds"])
    return (
        f"{result['clip_seconds']:.1f} s of video in {result['seconds']:.1f} s, {pace} real time: "
        f"{frames(result['frames'])}, {shown(result['presence'], result['perhaps'])}."
    )


def frames(count: int) -> str:
    """ "1 frame", "360 frames"."""
    return f"{count:,} frame{'' if count == 1 else 's'}"


def shown(presence: Mapping[str, float], perhaps: Mapping[str, float]) -> str:
    """ "a cat in 98.0 % of them, a dog in 3.1 %, perhaps a dog in 1.2 %", "no cat or dog in any of them".

    Args:
        presence: the share of the frames in which each animal is found.
        perhaps: of those in which it is perhaps.
    """
    seen = [
        (f"{words} {name}", share)
        for words, shares in (("a", presence), ("perhaps a", perhaps))
        for share, name in sorted(((share, name) for name, share in shares.items()), reverse=True)
        if share
    ]
    if not seen:
        return f"no {' or '.join(presence)} in any of them"
    (first, most), *others = seen
    text = f"{first} in {'all' if most == 1 else percent(most)} of them"
    return text + "".join(f", {name} in {percent(share)}" for name, share in others)


def race(result: Mapping) -> str:
    """How two backends did on the same frames; empty without a second one.

    Example:
        "OpenVINO INT8 took 5.2 ms a frame, 1.5x faster than OpenVINO FP32 on the same frames; 99.5 % of the pixels
        agree, at the least 98.1 % (at 3.2 s)."
    """
    if not result["compare"]:
        return ""
    medians = {name: each["median"] for name, each in result["latency_ms"].items()}
    mine, other = medians[result["backend"]], medians[result["compare"]]
    agreed = result["agreement"]
    return (
        f"{label(result['backend'])} took {milliseconds(mine)} a frame, {lead(result['compare'], other / mine)} on the "
        f"same frames; {percent(agreed['mean'])} of the pixels agree, at the least {percent(agreed['least'])} "
        f"(at {agreed['least_at_s']:.1f} s)."
    )


def lead(rival: str, ratio: float) -> str:
    """ "1.5x faster than OpenVINO FP32", from a ratio of the rival's median to ours; a clip has no interval."""
    if abs(ratio - 1) < SLIGHT:
        return f"as fast as {label(rival)}"
    return f"{times(max(ratio, 1 / ratio))} {'faster' if ratio > 1 else 'slower'} than {label(rival)}"


def circumstances(result: Mapping) -> str:
    """Where the time went, in one line: what a frame costs in each stage, and how busy the machine was."""
    clip, stages = result["clip"], result["stages_ms"]
    height, width = clip["size_hw"]
    sound = "sound kept" if clip["sounds"] else "no sound"
    spent = ", ".join(f"{stage} {milliseconds(each['median'])}" for stage, each in stages.items())
    return (
        f"{width} x {height} px, {sound}. A frame's way, while other frames are on theirs: {spent}. "
        f"{result['machine']['cpu']}, {result['cores_busy']:.1f} of {result['machine']['cores']} cores busy."
    )
