"""Watches the Live tab for minutes, as somebody with a camera would, and says whether it stays live.

    python tests/soak/live_soak.py --minutes 10 --json soak.json    # --two: two viewers at once, half of the speed each

Starts the page on a free port of the loopback interface and headless Chromium with a camera that plays a clip. Exit
status 1 where a goal is missed. Everything it starts it stops, also on Ctrl-C. Leave the machine alone meanwhile.
"""

import argparse
import contextlib
import json
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean, median
from tempfile import TemporaryDirectory

import numpy as np
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from engine.segmenter import DEFAULT_MODEL  # noqa: E402
from engine.spec import Model  # noqa: E402
from tools.camera_clip import OUTSIDE, write_clip  # noqa: E402
from tools.chromium import CHROMIUM, camera_flags  # noqa: E402
from tools.running_page import running_page  # noqa: E402

GOAL_FPS, GOAL_LATENCY_MS = 15.0, 150.0
GOAL_MEMORY_GROWTH, GOAL_LATENCY_GROWTH = 0.03, 1.2
OPENS_WITHIN_S, WARM_UP_S, STEP_S = 120, 20, 10
TAKE = """(() => {
  const taken = { now: performance.now(), seen: outside.seen.length, latencies: outside.told.map((told) => told[1]) };
  outside.clear();
  return { ...taken, width: document.querySelector(".live").dataset.width };
})()"""
COLUMNS = ("minute", "fps", "latency_ms", "p95_ms", "width", "server_mb", "threads", "page_mb")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--two", action="store_true", help="two viewers at once; the goals of speed are half of it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes every sample and the verdicts")
    args = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends like Ctrl-C
    viewers, rows = 1 + args.two, []
    try:
        with TemporaryDirectory(prefix="whisker-soak-") as folder:
            for row in watch(Path(folder), args.minutes * 60, viewers):
                rows.append(row)
    except KeyboardInterrupt:
        print("Stopped; this is what was measured until then.")
    if len(rows) < 2:
        print("Too short to judge: at least two samples are needed.")
        return 1
    summary, goals = judge(rows, viewers)
    for name, value in summary.items():
        print(f"{name:28} {value:.4g}")
    for name, reached in goals.items():
        print(f"{'yes' if reached else 'NO ':3} {name}")
    if args.json:
        spec = Model.open(DEFAULT_MODEL).spec  # that the page opens
        result = {"model": f"{spec.name} {spec.version}", "viewers": viewers, "summary": summary, "goals": goals}
        args.json.write_text(json.dumps({**result, "rows": rows}, indent=1))
    return 0 if all(goals.values()) else 1


def watch(folder: Path, seconds: float, viewers: int) -> Iterator[dict]:
    """A sample of all viewers every `STEP_S` seconds, printed as well."""
    clip = write_clip(folder / "clip.mjpeg")
    with running_page(folder) as page, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=camera_flags(clip))
        try:
            tabs = [opened(browser, page.url) for _ in range(viewers)]
            for tab in tabs if viewers > 1 else []:
                tab.wait_for_selector("[data-live=viewers]:has-text('Shared with')")
            tabs[0].wait_for_timeout(WARM_UP_S * 1000)
            heaps = [tab.context.new_cdp_session(tab) for tab in tabs]
            for heap in heaps:
                heap.send("Performance.enable")
            before = [tab.evaluate(TAKE)["now"] for tab in tabs]
            began = time.monotonic()
            print("  ".join(f"{name:>10}" for name in COLUMNS))
            for _ in range(max(2, round(seconds / STEP_S))):
                tabs[0].wait_for_timeout(STEP_S * 1000)
                taken = [tab.evaluate(TAKE) for tab in tabs]
                row = {"minute": (time.monotonic() - began) / 60, **seen_by(taken, before)}
                row |= status_of(page.process.pid) | {"page_mb": sum(heap_mb(heap) for heap in heaps)}
                before = [each["now"] for each in taken]
                print("  ".join(f"{row[name]:>10.4g}" for name in COLUMNS), flush=True)
                yield row
        finally:
            with contextlib.suppress(Exception):  # Ctrl-C has reached the browser as well
                browser.close()


def opened(browser, url: str) -> Page:
    """A viewer in a window of his own whose camera is on."""
    tab = browser.new_context(viewport={"width": 1280, "height": 900}, permissions=["camera"]).new_page()
    tab.set_default_timeout(OPENS_WITHIN_S * 1000)
    tab.goto(url)
    tab.click("button[role=tab]:has-text('Live')")
    tab.click("[data-live=start]")
    tab.wait_for_function("Number(document.querySelector('.live').dataset.shown) > 5")
    tab.evaluate(OUTSIDE)
    return tab


def seen_by(taken: list[dict], before: list[float]) -> dict[str, float]:
    """What the viewer saw who had the worst of it; latencies are the medians of each second that the page shows."""
    latencies = [[value for value in each["latencies"] if value] or [float("nan")] for each in taken]
    return {
        "fps": min(each["seen"] / (each["now"] - then) * 1000 for each, then in zip(taken, before, strict=True)),
        "latency_ms": max(median(values) for values in latencies),
        "p95_ms": max(float(np.percentile(values, 95)) for values in latencies),
        "width": min(float(each["width"]) for each in taken),
    }


def status_of(pid: int) -> dict[str, float]:
    """Resident memory in MB and threads of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    values = dict(line.split(":", 1) for line in lines)
    return {"server_mb": int(values["VmRSS"].split()[0]) / 1e3, "threads": int(values["Threads"])}


def heap_mb(session) -> float:
    """What the scripts of a page hold, in MB, once what is done with is collected."""
    session.send("HeapProfiler.collectGarbage")
    metrics = session.send("Performance.getMetrics")["metrics"]
    return next(each["value"] for each in metrics if each["name"] == "JSHeapUsedSize") / 1e6


def judge(rows: list[dict], viewers: int) -> tuple[dict[str, float], dict[str, bool]]:
    """The figures of the whole run, and which goals it reached."""
    quarter = max(1, len(rows) // 4)
    minutes = [row["minute"] for row in rows]
    first, last = rows[:quarter], rows[-quarter:]
    # Memory: the second minute against the last one; where a run has no three minutes, its first and last quarter.
    early = [row for row in rows if 1 <= row["minute"] < 2] if minutes[-1] >= 3 else first
    end = [row for row in rows if row["minute"] > minutes[-1] - 1] if minutes[-1] >= 3 else last
    growth = fmean(row["server_mb"] for row in end) / fmean(row["server_mb"] for row in early) - 1
    late = median(row["latency_ms"] for row in last) / median(row["latency_ms"] for row in first)
    slopes = {name: float(np.polyfit(minutes, [row[name] for row in rows], 1)[0]) for name in COLUMNS[1:]}
    summary = {
        "frames a second": fmean(row["fps"] for row in rows),
        "median latency, ms": median(row["latency_ms"] for row in rows),
        "p95 of seconds, ms": float(np.percentile([row["p95_ms"] for row in rows], 95)),
        "latency, last to first": late,
        "latency slope, ms a minute": slopes["latency_ms"],
        "memory growth, %": growth * 100,
        "memory slope, MB a minute": slopes["server_mb"],
        "page slope, MB a minute": slopes["page_mb"],
    }
    fps, latency_ms = GOAL_FPS / viewers, GOAL_LATENCY_MS * viewers
    goals = {
        f"at least {fps:g} frames a second seen": summary["frames a second"] >= fps,
        f"median latency at most {latency_ms:g} ms": summary["median latency, ms"] <= latency_ms,
        f"memory grows by less than {GOAL_MEMORY_GROWTH:.0%}": growth < GOAL_MEMORY_GROWTH,
        f"latency at the end at most {GOAL_LATENCY_GROWTH:g}x": late <= GOAL_LATENCY_GROWTH,
    }
    return summary, goals


if __name__ == "__main__":
    sys.exit(main())
