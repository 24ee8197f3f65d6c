"""One protocol for the commands of `python -m engine` and `python -m train`.

A command is a module whose docstring is its help, with two functions:

    add_arguments(parser)     its options; their defaults are those of `run`
    run(*, ...) -> Outcome    does the work from named arguments and prints what a person wants to read

Every command also takes --json FILE for its result, --progress bar | json for how far it is (on stderr), and --force
where a file is to be replaced. It ends with 0; or with 2 and a line on stderr that begins with "error: ", where the
input is bad or a part failed; or with 130 where it was interrupted. `run` is called by pages, tests and other commands
as well; it then raises what the command line would say.
"""

import argparse
import inspect
import json
import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from engine.errors import EngineError, InputError
from engine.files import Outputs
from engine.progress import PRINTERS, listening

FAILED, INTERRUPTED, UNHEARD = 2, 130, 141  # exit statuses; the last two as a shell calls Ctrl-C and a closed pipe


@dataclass(frozen=True)
class Outcome:
    """What came of a command.

    Attributes:
        result: what --json writes; None where another process writes it.
        failed: whether a part could not be done; each was said on stderr (`complain`).
        interrupted: whether Ctrl-C ended it early; the result is of what was done until then.
    """

    result: Any
    failed: bool = False
    interrupted: bool = False

    @property
    def status(self) -> int:
        """The exit status."""
        return INTERRUPTED if self.interrupted else FAILED if self.failed else 0


class Parser(argparse.ArgumentParser):
    """Refuses what it does not know as a command refuses anything: by one line."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}. `{self.prog} --help` says more.")


class Help(argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of a description, and says the default of every option that has one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        default = action.default
        if action.help is None or default in (None, False, "", ()) or default == argparse.SUPPRESS:
            return action.help
        text = ",".join(map(str, default)) if isinstance(default, tuple) else str(default)
        return f"{action.help} (default: {text.replace('%', '%%')})"


def main(program: str, doc: str | None, commands: Mapping[str, str], argv: list[str] | None = None) -> int:
    """Runs a command line.

    Args:
        program: "engine", as it stands after `python -m`.
        doc: its help.
        commands: the module of each command, imported when it is asked for.
        argv: the words after the program; None for those of this process.

    Returns:
        The exit status.
    """
    argv = sys.argv[1:] if argv is None else argv
    if threading.current_thread() is threading.main_thread():
        # A shell that starts a program in the background has it ignore Ctrl-C, and its children too.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return _run(*_parse(program, doc, commands, argv)).status
    except EngineError as error:
        return complain(error)
    except BrokenPipeError:  # nobody reads stdout any more; Python would say so again at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNHEARD
    except OSError as error:
        return complain(f"{error.filename}: {error.strerror}." if error.filename else error)
    except KeyboardInterrupt:
        complain("stopped before there was a result.")
        return INTERRUPTED


def _parse(
    program: str, doc: str | None, commands: Mapping[str, str], argv: list[str]
) -> tuple[Callable[..., Outcome], dict[str, Any]]:
    """The function of a command, and all options by name."""
    parser = Parser(prog=f"python -m {program}", description=doc, formatter_class=Help)
    parser.add_argument("command", choices=list(commands), metavar="COMMAND", help=", ".join(commands))
    name = parser.parse_args(argv[:1]).command
    module = import_module(commands[name])
    return module.run, vars(parser_of(f"python -m {program} {name}", module).parse_args(argv[1:]))


def parser_of(prog: str, module: Any) -> Parser:
    """The parser of a command: its own options with the defaults of its `run`, and those of every command."""
    options = Parser(prog=prog, description=module.__doc__, formatter_class=Help)
    module.add_arguments(options)
    options.set_defaults(**defaults_of(module.run))
    options.add_argument("--json", type=Path, metavar="FILE", help="write the result there")
    options.add_argument("--progress", choices=PRINTERS, default="bar", help="for a person, or a JSON object a line")
    options.add_argument("--force", action="store_true", help="replace files that are there")
    return options


def defaults_of(run: Callable[..., Outcome]) -> dict[str, Any]:
    """The arguments of a function that have a default, without `outputs`, which is made from --force."""
    parameters = inspect.signature(run).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty and p.name != "outputs"}


def _run(run: Callable[..., Outcome], options: dict[str, Any]) -> Outcome:
    """Does the work with a listener to its progress, and writes its result."""
    file, progress, outputs = options.pop("json"), options.pop("progress"), Outputs(options.pop("force"))
    if file is not None:
        outputs.check(file)  # before an hour of work
    if "outputs" in inspect.signature(run).parameters:
        options["outputs"] = outputs
    with PRINTERS[progress]() as listener, listening(listener):
        outcome = run(**options)
    if file is not None and outcome.result is not None:
        with outputs.write(file) as partial:
            partial.write_text(json.dumps(outcome.result, indent=2) + "\n")
    return outcome


def complain(message: object) -> int:
    """Says what went wrong on stderr, in one line; the exit status."""
    print(f"error: {' '.join(str(message).split())}", file=sys.stderr)
    return FAILED


def names(text: str) -> tuple[str, ...]:
    """The type of an option that lists names: "a,b" is ("a", "b"), and "" is ()."""
    return tuple(text.split(",")) if text else ()


def words_of(**options: object) -> list[str]:
    """Options as a command line has them; what is None or False is left out.

    Example:
        seconds=2.0, backends=("torch", "onnxruntime"), startup=True: --seconds 2 --backends torch,onnxruntime --startup
    """
    words: list[str] = []
    for name, value in options.items():
        if value is None or value is False:
            continue
        words.append(f"--{name.replace('_', '-')}")
        if isinstance(value, float):
            words.append(f"{value:g}")
        elif value is not True:
            words.append(",".join(map(str, value)) if isinstance(value, tuple) else str(value))
    return words


def command_line(command: str, *arguments: object, **options: object) -> str:
    """A command that can be pasted into a shell.

    Args:
        command: "engine benchmark".
        arguments: that have no name.
        options: see `words_of`.
    """
    return " ".join(["python -m", command, shlex.join([*map(str, arguments), *words_of(**options)])]).rstrip()
