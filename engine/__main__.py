"""Segment photos and clips, score a model, measure this machine.

python -m engine predict cat.jpg --cutout
python -m engine video cat.mp4 out.mp4 --effect blur
python -m engine evaluate --data ROOT
python -m engine robustness --data ROOT
python -m engine benchmark --photo cat.jpg
python -m engine sweep --max-latency-ms 20
python -m engine layers
"""

import argparse
import json
import signal
import sys
import threading

from engine.commands import COMMANDS
from engine.commands.options import complain
from engine.errors import EngineError
from engine.files import write_aside


def main(argv: list[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    if threading.current_thread() is threading.main_thread():
        # A shell that starts a program in the background has it ignore Ctrl-C, and its children too.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    args = build_parser().parse_args(argv, argparse.Namespace(argv=argv))
    try:
        result, failed = COMMANDS[args.name].run(args)
        if args.json is not None:
            with write_aside(args.json) as partial:
                partial.write_text(json.dumps(result, indent=2) + "\n")
    except EngineError as error:
        return complain(error)
    except OSError as error:
        return complain(f"{error.filename} cannot be written ({error.strerror}). Name another place.")
    except KeyboardInterrupt:
        complain("stopped before there was a result.")
        return 130  # as a shell calls a program that Ctrl-C ended
    return 2 if failed else 0


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m engine", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="name")
    for name, module in COMMANDS.items():
        doc = module.__doc__ or ""
        command = commands.add_parser(
            name,
            help=doc.splitlines()[0].rstrip(".:").lower(),
            description=doc,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(command)
    return parser


if __name__ == "__main__":
    sys.exit(main())
