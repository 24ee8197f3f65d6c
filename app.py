"""Starts the page: `python app.py`, then open http://127.0.0.1:7860.

GRADIO_SERVER_NAME and GRADIO_SERVER_PORT say where to listen, as for any Gradio app.
"""

import argparse
import os
import socket
import sys
from dataclasses import replace
from pathlib import Path


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="fastsegnet", help="a folder of models/, or the path of one")
    parser.add_argument("--host", default=os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=int(os.environ.get("GRADIO_SERVER_PORT", "7860")))
    parser.add_argument("--config", type=Path, metavar="FILE", help="threads and requests that `engine sweep` found")
    parser.add_argument(
        "--rounds", type=int, metavar="N", help="of timing each backend for a photo; fewer answer sooner"
    )
    args = parser.parse_args(argv)

    if args.rounds is not None and args.rounds < 1:
        print(f"error: --rounds is {args.rounds}; expected 1 or more.", file=sys.stderr)
        return 2
    if trouble := listening_trouble(args.host, args.port):
        print(f"error: cannot listen on {args.host}:{args.port} ({trouble}). Choose another --port.", file=sys.stderr)
        return 2
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    from starlette.middleware import Middleware

    from demo import document, hosting, live_socket, page
    from demo.lanes import ROUNDS, Lanes
    from demo.live_room import Room
    from engine.backends import DEFAULT_BACKEND_OPTIONS
    from engine.configuration import read_configuration
    from engine.errors import EngineError
    from engine.segmenter import Segmenter
    from engine.spec import MODELS, Model

    try:
        model = Model.open(args.model)
        tuned, options = read_configuration(args.config) if args.config else (None, DEFAULT_BACKEND_OPTIONS)
        hosting.prepare()
    except EngineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2

    def open_segmenter(backend: str) -> Segmenter:
        # A viewer has one photo at a time, whatever batch the sweep liked best.
        return Segmenter.open(
            model.folder, backend, replace(options, batch=1) if backend == tuned else DEFAULT_BACKEND_OPTIONS
        )

    # The Lab names the model on the command line that repeats a benchmark: by its folder's name where that is enough.
    name = model.folder.name if model.folder.parent == MODELS else str(model.folder.resolve())
    lanes = Lanes(model.spec, open_segmenter, model=name, rounds=args.rounds or ROUNDS)
    blocks = page.build(lanes)
    lanes.open_in_background()  # after the page, which asks one quick lane what it executes
    blocks.launch(
        server_name=args.host,
        server_port=args.port,
        theme=page.THEME,
        css_paths=page.STYLES,
        footer_links=["api", "settings"],
        max_file_size="1000mb",
        ssr_mode=False,
        app_kwargs={
            "routes": live_socket.routes(lanes, Room(lanes.quiet)),
            "middleware": [Middleware(document.OwnHead)],
        },
        prevent_thread_lock=True,
    )
    blocks.server.config.ws_per_message_deflate = False  # what the Live tab sends are JPEGs, which shrink no further
    blocks.block_thread()
    return 0


def listening_trouble(host: str, port: int) -> str | None:
    """Why nothing can listen there, or None where something can."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            return str(error)
    return None


if __name__ == "__main__":
    sys.exit(main())
