"""What can be taken away from the Lab: samples, results, a configuration."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path

from demo.downloads import new_folder
from engine.latency import STAGES


def samples_csv(benchmark: Mapping) -> Path:
    """One row a round and backend: milliseconds by stage, and together."""
    path = new_folder() / "whisker-samples.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["round", "backend", *(f"{stage}_ms" for stage in STAGES), "total_ms"])
        for name, entry in benchmark["backends"].items():
            for number, row in enumerate(entry["samples_ms"], start=1):
                writer.writerow([number, name, *row, round(sum(row), 4)])
    return path


def result_json(name: str, result: Mapping) -> Path:
    """A result as the command itself writes it."""
    path = new_folder() / name
    path.write_text(json.dumps(result, indent=2) + "\n")
    return path
