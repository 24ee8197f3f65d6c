"""Writes the folder that a Gradio Space of Hugging Face starts from, and uploads it where a name is given.

    python -m tools.space                          build/space, for a Space that computes on its CPU
    python -m tools.space --hardware zerogpu       the same for ZeroGPU hardware
    python -m tools.space --repo user/name         and uploads it

Without --repo nothing leaves this machine.
"""

import re
import shutil
import sys
from pathlib import Path

from engine.command import Help, Parser, complain
from engine.errors import EngineError, InputError, OutputError
from tools.hub import Hub, check_name, open_hub, upload

ROOT = Path(__file__).resolve().parent.parent
OUT = Path("build/space")
CODE = ("app.py", "demo", "engine", "models")
MADE_HERE = "# The page alone. Written by `python -m tools.space` from the project's requirements.txt.\n"
# What exports, quantizes or trains a model, and the page never imports: a test starts it without them.
NOT_TO_RUN = frozenset({"nncf", "onnx", "onnxscript", "torchvision"})
ZEROGPU_PIN = "spaces==0.51.3"
LEFT_BEHIND = shutil.ignore_patterns("__pycache__", "*.py[cod]", "*.partial", ".*")
# The name that each kind of hardware has at Hugging Face; None: what a Space gets where nothing is asked for.
HARDWARE: dict[str, str | None] = {"cpu": None, "zerogpu": "zero-a10g"}


def main(argv: list[str] | None = None, hub: Hub | None = None) -> int:
    """Runs the command line.

    Args:
        argv: the words after the program; None for those of this process.
        hub: where --repo uploads to; None for Hugging Face.

    Returns:
        The exit status: 0, or 2 after a line on stderr.
    """
    parser = Parser(prog="python -m tools.space", description=__doc__, formatter_class=Help)
    parser.add_argument("--out", type=Path, default=OUT, metavar="FOLDER", help="written anew")
    parser.add_argument("--hardware", choices=list(HARDWARE), default="cpu", help="of the Space")
    parser.add_argument("--repo", metavar="USER/NAME", help="upload to this Space, made where there is none")
    try:
        options = parser.parse_args(argv)
        if options.repo is not None:
            check_name(options.repo)
        folder = build(options.out, options.hardware)
        print(f"{folder}: {size_mb(folder):.1f} MB for a Space with {options.hardware}")
        if options.repo is not None:
            print(upload(folder, options.repo, HARDWARE[options.hardware], hub or open_hub()))
    except EngineError as error:
        return complain(error)
    return 0


def build(out: Path, hardware: str = "cpu") -> Path:
    """Writes what a Space needs and nothing else: the page, the engine, the models, a README and the requirements.

    Args:
        out: the folder; one that this function wrote is replaced.
        hardware: a key of HARDWARE.

    Returns:
        `out`.

    Raises:
        InputError: `out` is a file, or a folder with something else in it.
        OutputError: it cannot be written.
    """
    check_replaceable(out)
    whole = out.resolve()
    partial = whole.with_name(f".{whole.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)  # of a run that was killed
        partial.mkdir(parents=True)
        for name in CODE:
            copy(ROOT / name, partial / name)
        (partial / "README.md").write_text(readme(HARDWARE[hardware]), encoding="utf-8")
        (partial / "requirements.txt").write_text(requirements(hardware), encoding="utf-8")
        if whole.exists():
            shutil.rmtree(whole)
        partial.rename(whole)
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"{out} cannot be written ({reason}). Name another folder with --out.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return out


def copy(source: Path, target: Path) -> None:
    """A file, or a folder without what Python and killed programs leave in it."""
    if source.is_dir():
        shutil.copytree(source, target, ignore=LEFT_BEHIND)
    else:
        shutil.copy2(source, target)


def check_replaceable(out: Path) -> None:
    """Passes where nothing but an older build would be lost.

    Raises:
        InputError: it is a file, lies in what is copied, or holds something else.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file. Name a folder with --out.")
    whole = out.resolve()
    if any(whole.is_relative_to(ROOT / name) for name in CODE):
        raise InputError(f"{out} lies in a folder that is copied. Name another one with --out.")
    if not out.is_dir() or not any(out.iterdir()):
        return
    written = out / "requirements.txt"
    if not written.is_file() or not written.read_text(errors="replace").startswith(MADE_HERE):
        raise InputError(f"{out} holds files that this command did not write. Empty it, or name another with --out.")
    known = {*CODE, "README.md", written.name, "__pycache__"}
    if strangers := sorted(path.name for path in out.iterdir() if path.name not in known):
        raise InputError(f"{out} holds {strangers[0]}, which would be lost. Move it, or name another with --out.")


def requirements(hardware: str) -> str:
    """The lines of the project's requirements that running the page needs, with their pins."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    kept = [pin for pin in pins if re.split(r"[^\w.-]", pin)[0].lower() not in NOT_TO_RUN]
    return MADE_HERE + "\n".join([*kept, *([ZEROGPU_PIN] if hardware == "zerogpu" else [])]) + "\n"


def readme(suggested_hardware: str | None) -> str:
    """The front matter of the project's README, which configures the Space, and a few words for its visitors."""
    front_matter = front_matter_of((ROOT / "README.md").read_text(encoding="utf-8"))
    if suggested_hardware is not None:
        front_matter += f"suggested_hardware: {suggested_hardware}\n"
    return f"""---
{front_matter}---

# Whisker

A photo, a camera or a clip of a cat or a dog, one small network, four runtimes: see what optimising it buys on the CPU
of this Space. The page computes on the CPU alone, whatever hardware it is given.

The handlers have names, so `gradio_client` can call `/predict`, `/compare` and others ("Use via API" on the page). How
the models were made and scored is told by the README of each folder in `models/`.
"""


def front_matter_of(text: str) -> str:
    """The lines between the first two `---`.

    Raises:
        InputError: the text has none.
    """
    found = re.match(r"---\n(.*?\n)---\n", text, re.DOTALL)
    if found is None:
        raise InputError("README.md has no front matter, which configures a Space. Restore the lines between ---.")
    return found[1]


def size_mb(folder: Path) -> float:
    """What the files of a folder take, in 10^6 bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


if __name__ == "__main__":
    sys.exit(main())
