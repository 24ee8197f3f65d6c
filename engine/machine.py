"""The machine that a number was measured on."""

import os
import platform
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from engine import allocator

PACKAGES = ("torch", "openvino", "onnxruntime", "numpy", "pillow", "opencv-contrib-python-headless")
# Flags of /proc/cpuinfo worth knowing for inference, and their names for a reader, in this order.
INSTRUCTION_SETS = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx_vnni": "VNNI",
    "avx512_vnni": "AVX-512 VNNI",
    "avx512_bf16": "BF16",
    "amx_int8": "AMX INT8",
    "amx_bf16": "AMX BF16",
}
# Of these pairs the second goes without saying.
_IMPLIES = (("AVX-512", "AVX2"), ("AVX-512 VNNI", "VNNI"), ("AVX-512 VNNI", "AVX-512"))


def describe_machine() -> dict:
    """Processor, instruction sets, usable cores, allocator, load, system and versions."""
    return {
        "cpu": _cpu()[0],
        "cpu_id": _cpu_id(),
        "instruction_sets": instruction_sets(),
        "cores": usable_cores(),
        "allocator": allocator.describe_allocator(),
        "load_1min": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: v for name in PACKAGES if (v := _version(name))},
    }


def instruction_sets() -> list[str]:
    """Those of `INSTRUCTION_SETS` that the processor has, by their names for a reader."""
    flags = _cpu()[1]
    return [name for flag, name in INSTRUCTION_SETS.items() if flag in flags]


class Load:
    """How busy the machine is between two moments, the first of which is when this is made."""

    def __init__(self) -> None:
        self._before = _ticks()
        self._own_before = _own_seconds()

    def all(self) -> float | None:
        """Share of all cores, 0 to 1, that was taken; None where /proc has no word.

        Time that the host gives to other virtual machines counts as taken.
        """
        now = _ticks()
        if now is None or self._before is None or now[0] == self._before[0]:
            return None
        return round(1 - (now[1] - self._before[1]) / (now[0] - self._before[0]), 3)

    def others(self) -> float | None:
        """The same of what other processes took."""
        now, taken = _ticks(), self.all()
        if now is None or self._before is None or taken is None:
            return None
        passed = (now[0] - self._before[0]) / os.sysconf("SC_CLK_TCK")  # of all cores, seconds
        return round(max(0.0, taken - (_own_seconds() - self._own_before) / passed), 3)


def _ticks() -> tuple[int, int] | None:
    """Of all cores since the start: all ticks, and those in which they were idle or waited for disks."""
    path = Path("/proc/stat")
    if not path.is_file():
        return None
    ticks = [int(x) for x in path.read_text().splitlines()[0].split()[1:9]]
    return sum(ticks), ticks[3] + ticks[4]


def _own_seconds() -> float:
    times = os.times()
    return times.user + times.system


def busy_share(seconds: float = 0.5) -> float | None:
    """Share of all cores, 0 to 1, that is taken by others while this process sleeps; None where /proc has no word."""
    load = Load()
    time.sleep(seconds)
    return load.all()


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine_in_words(machine: dict) -> str:
    """One line: "AMD EPYC, 2 cores, AVX2, no VNNI: ..." with what INT8 can gain at the most on such a CPU.

    VNNI multiplies and adds four pairs of bytes where FP32 takes one pair of floats. Without it three instructions
    do that work: dense 3x3 convolutions were measured at 2.4 times their FP32 speed on such a CPU.
    """
    sets = machine["instruction_sets"]
    has_vnni = any("VNNI" in name or "INT8" in name for name in sets)
    implied = {older for newer, older in _IMPLIES if newer in sets}
    newest = [name for name in sets if name not in implied]
    words = [machine["cpu"], f"{machine['cores']} core{'s' if machine['cores'] > 1 else ''}", *newest]
    if not has_vnni:
        words.append("no VNNI")
    return f"{', '.join(words)}: INT8 can gain up to about {'4' if has_vnni else '2.4'}x here"


def _cpu() -> tuple[str, set[str]]:
    """The processor's name and flags, from /proc/cpuinfo where there is one."""
    fields = _cpu_fields()
    name = fields.get("model name") or platform.processor() or platform.machine()
    return name, set(fields.get("flags", "").split())


def _cpu_fields() -> dict[str, str]:
    """/proc/cpuinfo of the first core; empty where there is none."""
    path = Path("/proc/cpuinfo")
    fields: dict[str, str] = {}
    for line in path.read_text().splitlines() if path.is_file() else ():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    return fields


def _cpu_id() -> str | None:
    """ "family 25, model 17": what a virtual machine tells of the generation when it hides the name."""
    fields = _cpu_fields()
    if "cpu family" not in fields:
        return None
    return f"family {fields['cpu family']}, model {fields['model']}"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
