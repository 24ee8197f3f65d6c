"""From pictures of pets to a model folder, in four commands, in this order:

fit        trains a network and writes runs/NAME/weights.pt; --resume goes on after a stop
export     writes torch.pt2, model.onnx and openvino-fp32.xml to models/NAME, each proved equal to eager
quantize   writes openvino-int8.xml and says what it cost, step by step
card       evaluates every artefact on the test split and writes the model card

And where more is wanted:

profile    counts parameters and multiply-adds of a network, part by part
ablate     trains short runs that differ from a base by one option, and writes what each is worth
compare    compares NNCF's options for INT8 on validation pictures and chooses; quantize --from-trail takes the choice
qat        finishes the weights with the rounding of INT8 in the forward pass, where quantize loses too much
interpolate   takes weights between those of a run and those that it started from, and validates them
adjust     adds a constant to the logits of background and border, so that masks overlap better
narrow     makes a smaller network out of a trained one: fewer blocks, narrower ones, the same features
prune      sets the smallest weights to zero and says what that does to size, accuracy and speed
temperature   measures what tempering the probabilities would gain; changes nothing
"""

import argparse
import sys
from importlib import import_module

from engine.errors import EngineError

MODULES = {
    "fit": "train.fit",
    "export": "train.export",
    "quantize": "train.compression.quantize",
    "card": "train.cards.card",
    "profile": "train.profile",
    "ablate": "train.ablate",
    "compare": "train.compression.compare",
    "qat": "train.compression.qat",
    "interpolate": "train.interpolate",
    "adjust": "train.adjust",
    "narrow": "train.compression.narrow",
    "prune": "train.compression.prune",
    "temperature": "train.temperature",
}


class Formatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of a description, and says the default of every option that has help."""


def main(argv: list[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(
        prog="python -m train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=list(MODULES))
    command = parser.parse_args(argv[:1]).command
    module = import_module(MODULES[command])
    options = argparse.ArgumentParser(
        prog=f"python -m train {command}",
        description=module.__doc__,
        formatter_class=Formatter,
    )
    module.add_arguments(options)
    try:
        module.run(options.parse_args(argv[1:]))
    except EngineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
