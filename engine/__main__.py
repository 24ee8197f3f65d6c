"""Segment photos and clips, score a model, measure this machine.

predict      segments photos and writes masks, cut-outs, effects and annotations
video        the same for a clip
evaluate     scores every artefact of every model on Oxford-IIIT Pet
robustness   the same on disturbed photos: JPEG, blur, noise, light, small pets
benchmark    times backends side by side on this machine
sweep        finds the requests, threads and batch that suit
layers       tells what really ran: time and precision of each layer

python -m engine predict cat.jpg --cutout
python -m engine COMMAND --help
"""

import sys

from engine import command

COMMANDS = {
    "predict": "engine.commands.predict",
    "video": "engine.commands.video",
    "evaluate": "engine.commands.evaluate",
    "robustness": "engine.commands.robustness",
    "benchmark": "engine.commands.benchmark",
    "sweep": "engine.commands.sweep",
    "layers": "engine.commands.layers",
}


def main(argv: list[str] | None = None) -> int:
    return command.main("engine", __doc__, COMMANDS, argv)


if __name__ == "__main__":
    sys.exit(main())
