"""The commands of `python -m engine`, one file each, with two functions:

add_arguments(parser)   its options; the module's docstring is its help
run(args)               does it, prints what a person wants to read; the result for --json, and whether a part failed
"""

from engine.commands import benchmark, evaluate, layers, predict, robustness, sweep, video

COMMANDS = {
    "predict": predict,
    "video": video,
    "evaluate": evaluate,
    "robustness": robustness,
    "benchmark": benchmark,
    "sweep": sweep,
    "layers": layers,
}
