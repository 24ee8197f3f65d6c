"""Takes the options of `python -m engine video`, copies the clip as it is and answers with made-up numbers.

With --backend torch it works until it is interrupted; with --effect sticker it refuses.
"""

import argparse
import json
import shutil
import signal
import sys
import time
from pathlib import Path


def result_of(args: argparse.Namespace, cancelled: bool) -> dict:
    names = [name for name in (args.backend, args.compare) if name]
    medians = {name: 8.0 * (1 + 0.5 * place) for place, name in enumerate(names)}
    frames = 3 if cancelled else 360
    seconds = [i / 30 for i in range(frames)]
    result = {
        "command": f"python -m engine video {Path(args.clip).name} {Path(args.out).name}",
        "machine": {"cpu": "AMD EPYC", "cores": 2},
        "clip": {"size_hw": [360, 640], "sounds": ["aac"], "seconds": 12.0},
        "out": args.out, "backend": args.backend, "compare": args.compare, "effect": args.effect,
        "frames": frames, "clip_seconds": frames / 30, "seconds": 8.0, "throughput_fps": frames / 8, "cores_busy": 1.8,
        "cancelled": cancelled, "notes": [], "cuts": 0, "presence": {"cat": 0.98, "dog": 0.0},
        "perhaps": {"cat": 0.0, "dog": 0.0},
        "stages_ms": {stage: {"median": 1.0, "total": 360.0} for stage in ("decode", "infer", "encode")},
        "latency_ms": {name: {"median": ms, "p90": ms + 1, "p99": ms + 2} for name, ms in medians.items()},
        "over_time": {
            "frames_a_point": 1, "seconds": seconds,
            "backends": {name: {"median_ms": [ms] * frames, "max_ms": [ms] * frames} for name, ms in medians.items()},
        },
    }  # fmt: skip
    if args.compare:
        result["agreement"] = {"mean": 0.995, "least": 0.981, "least_at_s": 3.2}
    return result


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["video"])
    parser.add_argument("clip")
    parser.add_argument("out")
    for option in ("model", "backend", "compare", "effect", "edge", "color", "blur", "background", "progress"):
        parser.add_argument(f"--{option}")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if args.effect == "sticker":
        print("error: There is no effect 'sticker' here.", file=sys.stderr)
        return 2
    cancelled = False
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        step = 0
        while step < 4 or args.backend == "torch":
            what = f"frame {step * 90} of 360, 45.0 frames a second"
            said = {"done": min(step, 4), "total": 4, "what": what, "left_s": 4.0}
            print(json.dumps(said), file=sys.stderr, flush=True)
            time.sleep(0.15)
            step += 1
    except KeyboardInterrupt:
        cancelled = True
        time.sleep(0.7)  # longer than one looks away
    shutil.copy(args.clip, args.out)
    args.json.write_text(json.dumps(result_of(args, cancelled)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
