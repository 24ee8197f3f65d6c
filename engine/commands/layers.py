"""What really ran: time and executed precision of each layer, OpenVINO FP32 beside INT8."""

import argparse

from engine.backends import PROFILED
from engine.command import Outcome, command_line, names
from engine.commands.options import add_model, model_option
from engine.segmenter import DEFAULT_MODEL
from engine.spec import Model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--backends", type=names, metavar="A,B", help="of OpenVINO; the last one leads")
    add_model(parser)


def run(*, backends: tuple[str, ...] = PROFILED, model: str = DEFAULT_MODEL) -> Outcome:
    """Profiles the backends and tells it; the fields of `layers --json`.

    Raises:
        InputError: there is no such model, or a backend whose layers cannot be told apart.
    """
    from engine.layers import profile  # OpenVINO is imported where it is used

    result = profile(Model.open(model), backends)
    for name, entry in result["backends"].items():
        print(
            f"{name}: {entry['total_ms']:.2f} ms, {entry['int8_share']:.0%} of it in INT8; "
            f"precision changes hands {entry['precision_changes']} times"
        )
        for group in entry["by_type"]:
            print(
                f"  {group['type']:<16} {group['precision']:<5} {group['count']:>3} layers  {group['ms']:6.2f} ms  "
                f"{group['share']:5.1%}"
            )
        for change in entry["changes"]:
            print(f"    {change['from']} to {change['to']}: after {change['after']}, before {change['before']}")
    print("the dearest layers")
    for row in result["dearest"]:
        costs = ", ".join(f"{name} {ms:.2f} ms ({row['precision'][name]})" for name, ms in row["ms"].items())
        print(f"  {row['share']:5.1%}  {row['what']}: {costs}")
    said = command_line("engine layers", model=model_option(model), backends=backends)
    return Outcome({"command": said, **result})
