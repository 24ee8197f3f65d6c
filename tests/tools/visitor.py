"""Starts `python app.py` in a Space's folder, is its first visitor, and says what it got and under what conditions.

    python tests/tools/visitor.py FOLDER PHOTO

It prints one JSON object, and is itself started with the user, the cores and the network that the page shall have.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from gradio_client import Client, handle_file

STARTS_WITHIN_S = 120
BACKENDS = ("openvino-int8", "openvino-fp32", "torch", "torchscript")  # the first is the first answer


def main(folder: Path, photo: Path) -> None:
    environment = {**os.environ, "GRADIO_SERVER_PORT": str(port := free_port())}
    started = time.perf_counter()
    page = subprocess.Popen([sys.executable, "app.py"], cwd=folder, env=environment, stdout=sys.stderr)
    try:
        client = Client(address_of(page, port), verbose=False)
        areas, answered = {}, 0.0
        for backend in BACKENDS:
            _, numbers = client.predict(handle_file(photo), backend, api_name="/predict")
            areas[backend] = numbers["areas"]
            answered = answered or time.perf_counter() - started
    finally:
        page.terminate()
        page.wait(timeout=20)
    print(json.dumps({"areas": areas, "seconds": answered, **conditions(folder)}))


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def address_of(page: subprocess.Popen, port: int) -> str:
    """The page's address, once something listens there."""
    until = time.perf_counter() + STARTS_WITHIN_S
    while time.perf_counter() < until:
        if page.poll() is not None:
            sys.exit(f"the page ended with {page.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return f"http://127.0.0.1:{port}"
        time.sleep(0.1)
    sys.exit(f"the page did not start within {STARTS_WITHIN_S} s")


def conditions(folder: Path) -> dict[str, object]:
    """What this process, and the page as its child, may do."""
    files = [folder, *folder.rglob("*")]
    return {
        "user": os.getuid(),
        "writable": [str(path) for path in (*files, Path.home()) if os.access(path, os.W_OK)],
        "cores": len(os.sched_getaffinity(0)),
        "network": has_network(),
    }


def has_network() -> bool:
    """Whether there is a route out of this machine; sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address for documentation, RFC 5737
        except OSError:
            return False
    return True


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
