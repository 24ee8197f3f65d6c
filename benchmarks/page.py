"""How long a visitor of the page waits for each part of an answer: `python benchmarks/page.py`.

The example dog as a small JPEG, and as a JPEG and a HEIC of 12 megapixels (with film grain, for the size of a phone's
files), given to the page in headless Chromium, alone and beside a second viewer who gives it photos of 12 megapixels
all the while. In each round every photo comes once, in random order, to a tab that was just opened, as bytes that the
page has not seen before. Told are medians and the slowest.

The clock is the browser's: from the `change` event of the photo's input, which is when the browser has the file, to the
frame in which the picture is decoded or the words are there. Browser and server share this machine and its cores, and
nothing but the loopback interface is between them.
"""

import argparse
import base64
import contextlib
import io
import json
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import heic  # noqa: E402
from engine.machine import busy_share, describe_machine, machine_in_words  # noqa: E402
from engine.segmenter import DEFAULT_MODEL  # noqa: E402
from engine.spec import Model  # noqa: E402
from engine.turn import my_turn  # noqa: E402
from tools.chromium import CHROMIUM, FLAGS  # noqa: E402
from tools.pictures import what_is_missing  # noqa: E402
from tools.running_page import running_page  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# What is waited for, in the order of the page: part -> where it stands.
PARTS: Mapping[str, str] = {
    "mask": "#result img",
    "sentence": "#verdict .verdict .verdict-found",
    "second lane": "#slider img",
    "timings": "#speed .speed-said",
}
CLOCK, OTHER_VIEWER = ((Path(__file__).parent / f"page_{name}.js").read_text() for name in ("clock", "viewer"))
ALONE, BESIDE = "alone", "beside a second viewer"
TIMINGS_AFTER_MASK_S = 2.0  # the goal, of every photo
GRAIN = 8.0  # standard deviation of the grain, of 255
JPEG_QUALITY = 85
WAITS_S = 120  # for an answer; the very first one waits until every backend is open
SETTLES_S = 1.0  # after a tab was opened
ANSWERED_FIRST = 2  # photos of the second viewer, before anything is timed beside it


@dataclass(frozen=True)
class Kind:
    """A kind of photo.

    Attributes:
        size_hw: height and width, px.
        suffix: ".jpg" or ".heic".
        mask_s: the goal: seconds until the first mask.
    """

    size_hw: tuple[int, int]
    suffix: str
    mask_s: float


KINDS: Mapping[str, Kind] = {
    "small JPEG": Kind((384, 250), ".jpg", 0.5),
    "JPEG of 12 megapixels": Kind((4000, 3000), ".jpg", 1.2),
    "HEIC of 12 megapixels": Kind((4000, 3000), ".heic", 1.2),
}
LARGE_JPEG = "JPEG of 12 megapixels"  # what the second viewer gives


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args(argv)
    if args.rounds < 1:
        print(f"error: --rounds is {args.rounds}; expected 1 or more.", file=sys.stderr)
        return 2
    if missing := what_is_missing():
        print(f"error: {missing}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends like Ctrl-C

    photos, skipped = drawn_photos()
    try:
        with TemporaryDirectory(prefix="whisker-page-") as folder, my_turn():
            machine = describe_machine() | {"other_load": busy_share()}
            samples = measure(Path(folder), photos, args.rounds)
    except RuntimeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    spec = Model.open(DEFAULT_MODEL).spec
    result = {
        "machine": machine,
        "model": f"{spec.name} {spec.version}",
        "rounds": args.rounds,
        "goals": {"timings_after_mask_s": TIMINGS_AFTER_MASK_S},
        "photos": {
            name: {"size_hw": KINDS[name].size_hw, "megabytes": len(data) / 1e6, "mask_goal_s": KINDS[name].mask_s}
            for name, data in photos.items()
        },
        "skipped": skipped,
        "viewers": {
            viewers: {name: summarise(answers) for name, answers in of_kind.items()}
            for viewers, of_kind in samples.items()
        },
    }
    print(f"{machine_in_words(machine)}; others took {machine['other_load'] or 0:.0%}")
    print(f"{result['model']}, {args.rounds} rounds in random order, medians in seconds (the slowest)\n")
    print("| photo | viewer | " + " | ".join([*PARTS, "timings after the mask"]) + " |")
    print("|---" * (len(PARTS) + 3) + "|")
    for viewers, of_summary in result["viewers"].items():
        for name, summary in of_summary.items():
            cells = [f"{each['median']:.2f} ({each['max']:.2f})" for each in summary.values()]
            print(f"| {name} | {viewers} | {' | '.join(cells)} |")
    for name, reason in skipped.items():
        print(f"{name}: skipped. {reason}")
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0


def summarise(answers: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Median and slowest of each part, in seconds, and of how long the timings took after the mask.

    Args:
        answers: milliseconds of each part.
    """
    after = "timings after the mask"
    seconds = [
        {**{part: answer[part] / 1e3 for part in PARTS}, after: (answer["timings"] - answer["mask"]) / 1e3}
        for answer in answers
    ]
    return {
        part: {"median": median(each[part] for each in seconds), "max": max(each[part] for each in seconds)}
        for part in seconds[0]
    }


# --- Photos ---


def drawn_photos() -> tuple[dict[str, bytes], dict[str, str]]:
    """A file of each kind, and why others cannot be written here."""
    skipped = {}
    if not heic.can_be_written():
        reason = f"PyAV was built without {heic.ENCODER}, which writes the file."
        skipped = {name: reason for name, kind in KINDS.items() if kind.suffix == ".heic"}
    return {name: encoded(enlarged(kind.size_hw), kind) for name, kind in KINDS.items() if name not in skipped}, skipped


def enlarged(size_hw: tuple[int, int]) -> np.ndarray:
    """The example dog at a height and width, with grain: uint8 (H, W, 3) RGB."""
    with Image.open(ROOT / "demo" / "examples" / "dog.jpg") as file:
        pixels = np.asarray(file.convert("RGB").resize(size_hw[::-1], Image.Resampling.BICUBIC)).astype(np.float32)
    pixels += np.random.default_rng(0).normal(0, GRAIN, (*size_hw, 1)).astype(np.float32)
    return np.clip(pixels, 0, 255).astype(np.uint8)


def encoded(image: np.ndarray, kind: Kind) -> bytes:
    if kind.suffix == ".heic":
        return heic.heic_bytes(image)
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=JPEG_QUALITY)
    return file.getvalue()


def unseen(data: bytes, number: int, kind: Kind) -> bytes:
    """The same picture as a file that differs from those with other numbers.

    The number stands where nobody reads it: after the end of a JPEG, in a box `free` at the end of a HEIC.
    """
    mark = number.to_bytes(8, "big")
    return data + (heic.box(b"free", mark) if kind.suffix == ".heic" else mark)


# --- The page ---


def measure(folder: Path, photos: Mapping[str, bytes], rounds: int) -> dict[str, dict[str, list[dict[str, float]]]]:
    """Milliseconds of each part, of each answer: by viewers, by kind of photo. One round before is not counted.

    Raises:
        RuntimeError: the page did not start, or refused a photo.
    """
    from playwright.sync_api import sync_playwright

    taken: dict[str, dict[str, list]] = {viewers: {name: [] for name in photos} for viewers in (ALONE, BESIDE)}
    order, number = np.random.default_rng(0), 0
    with running_page(folder) as page, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for viewers, of_kind in taken.items():
            with second_viewer(browser, page.url, photos) if viewers == BESIDE else contextlib.nullcontext():
                for round_number in range(-1, rounds):
                    for name in order.permutation(list(photos)):
                        number += 1
                        path = folder / f"photo-{number}{KINDS[name].suffix}"
                        path.write_bytes(unseen(photos[name], number, KINDS[name]))
                        answer = answered(browser, page.url, path)
                        path.unlink()
                        if round_number >= 0:
                            of_kind[name].append(answer)
        browser.close()
    return taken


def answered(browser: "Browser", url: str, photo: Path) -> dict[str, float]:
    """Milliseconds until each of `PARTS` was on screen, for a photo given to a tab of its own.

    Raises:
        RuntimeError: the page refused the photo.
    """
    with opened(browser, url) as tab:
        start_clock(tab, PARTS)
        tab.set_input_files("#photo input[type=file]", photo)
        answer = tab.evaluate(
            "(ms) => Promise.race([window.answer, new Promise((late) => setTimeout(() => late({}), ms))])",
            WAITS_S * 1e3,
        )
    if trouble := answer.get("trouble"):
        raise RuntimeError(f"The page refused {photo.name}: {trouble}")
    if missing := set(PARTS) - set(answer):
        raise RuntimeError(f"No {' and no '.join(sorted(missing))} for {photo.name} within {WAITS_S} s.")
    return answer


def start_clock(tab: "Page", parts: Mapping[str, str]) -> None:
    """`window.answer` becomes a promise of what benchmarks/page_clock.js says of the next photo."""
    tab.evaluate(f"(parts) => {{ window.answer = ({CLOCK})(parts); }}", dict(parts))


@contextlib.contextmanager
def opened(browser: "Browser", url: str) -> Iterator["Page"]:
    """The page in a window of its own, once it is still."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    try:
        context.set_default_timeout(WAITS_S * 1e3)
        tab = context.new_page()
        tab.goto(url)
        tab.wait_for_selector("#photo input[type=file]", state="attached")
        tab.wait_for_timeout(SETTLES_S * 1e3)
        yield tab
    finally:
        context.close()


@contextlib.contextmanager
def second_viewer(browser: "Browser", url: str, photos: Mapping[str, bytes]) -> Iterator[None]:
    """Somebody else gives the page one photo after the other meanwhile.

    Raises:
        RuntimeError: in the end no more photos were answered than in the beginning: there was no second viewer.
    """
    with opened(browser, url) as tab:
        tab.evaluate(f"(photo) => {{ ({OTHER_VIEWER})(photo); }}", base64.b64encode(photos[LARGE_JPEG]).decode())
        tab.wait_for_function(f"window.answered >= {ANSWERED_FIRST}")
        yield
        if tab.evaluate("window.answered") <= ANSWERED_FIRST:
            raise RuntimeError("The second viewer got no more answers while the first one was timed.")


if __name__ == "__main__":
    sys.exit(main())
