"""From pictures of pets to a model folder, in five commands, in this order:

fit        trains a network and writes runs/NAME/weights.pt; --resume goes on after a stop
export     writes torch.pt2, model.onnx and openvino-fp32.xml to models/NAME, each proved equal to eager
quantize   writes openvino-int8.xml and says what it cost, step by step
threshold  chooses when a pet counts as found, on photos with and without pets
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

import sys

from engine import command

COMMANDS = {
    "fit": "train.fit",
    "export": "train.export",
    "quantize": "train.compression.quantize",
    "threshold": "train.threshold",
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


def main(argv: list[str] | None = None) -> int:
    return command.main("train", __doc__, COMMANDS, argv)


if __name__ == "__main__":
    sys.exit(main())
