"""What a person does in the Photo tab, and what they read there."""

import base64
from collections.abc import Sequence
from pathlib import Path

ANSWER_MS = 60_000
TYPES = {".jpg": "image/jpeg", ".png": "image/png", ".mp4": "video/mp4", ".txt": "text/plain", ".tiff": "image/tiff"}
# A DataTransfer with files, as the browser makes one of what is dragged or copied.
CARRY = """
    const carry = (files) => {
        const carried = new DataTransfer();
        for (const [name, type, data] of files) {
            carried.items.add(new File([Uint8Array.from(atob(data), c => c.charCodeAt(0))], name, { type }));
        }
        return carried;
    };
"""
DROP = f"""([selector, files]) => {{
    {CARRY}
    const place = document.querySelector(selector);
    const events = ["dragenter", "dragover", "drop"].map((name) =>
        new DragEvent(name, {{ dataTransfer: carry(files), bubbles: true, cancelable: true }}));
    events.forEach((event) => place.dispatchEvent(event));
    return events.at(-1).defaultPrevented;
}}"""
PASTE = f"""([selector, files]) => {{
    {CARRY}
    const event = new ClipboardEvent("paste", {{ clipboardData: carry(files), bubbles: true, cancelable: true }});
    document.querySelector(selector).dispatchEvent(event);
    return event.defaultPrevented;
}}"""


def choose(tab, photo: Path) -> None:
    """Chooses a photo in the empty input."""
    tab.set_input_files("#photo input[type=file]", photo)


def drop_on(tab, selector: str, *files: Path) -> bool:
    """Drops files somewhere; whether the page took them (the browser would open them otherwise)."""
    return tab.evaluate(DROP, [selector, carried(files)])


def paste(tab, *files: Path) -> bool:
    """Pastes files; whether the page took them."""
    return tab.evaluate(PASTE, ["body", carried(files)])


def carried(files: Sequence[Path]) -> list[list[str]]:
    """Name, type and content of each file, for `carry` in the browser."""
    return [[file.name, TYPES[file.suffix], base64.b64encode(file.read_bytes()).decode()] for file in files]


def verdict(tab, words: str) -> str:
    """What is said of the photo, once that holds some words."""
    tab.wait_for_selector(f"#verdict:has-text('{words}')", timeout=ANSWER_MS)
    return tab.inner_text("#verdict")


def answered(tab) -> str:
    """Waits for the picture of the answer; its address."""
    seen(tab, "#result img")
    return tab.get_attribute("#result img", "src")


def timed(tab) -> str:
    """Waits for the times, the last thing but each pet apart; the sentence."""
    tab.wait_for_selector("#speed .speed-said", timeout=ANSWER_MS)
    return tab.inner_text("#speed .speed-said")


def answer_to(tab, photo: Path) -> None:
    """Chooses a photo and waits for all that follows."""
    choose(tab, photo)
    answered(tab)
    timed(tab)


def seen(tab, selector: str) -> None:
    """Waits for a picture that is loaded."""
    tab.wait_for_selector(selector, state="attached", timeout=ANSWER_MS)
    tab.wait_for_function(
        "selector => document.querySelector(selector)?.naturalWidth > 0", arg=selector, timeout=ANSWER_MS
    )


def another(tab, before: str) -> str:
    """Waits until the picture of the answer is another than the one of that address, and loaded; its address."""
    tab.wait_for_function(
        """before => {
            const img = document.querySelector("#result img");
            return img && img.getAttribute("src") !== before && img.naturalWidth > 0;
        }""",
        arg=before,
        timeout=ANSWER_MS,
    )
    return tab.get_attribute("#result img", "src")


def show_as(tab, label: str) -> str:
    """Chooses a view; the address of the picture that comes of it."""
    before = tab.get_attribute("#result img", "src")
    tab.click(f"#effect label:has-text('{label}')")
    return another(tab, before)


def pressed(tab, button: str, path: Path) -> str:
    """Writes the file that a button gives; its name."""
    with tab.expect_download(timeout=ANSWER_MS) as download:
        tab.click(button)
    download.value.save_as(path)
    return download.value.suggested_filename


def pixel(tab, selector: str, x: float, y: float) -> list[int]:
    """RGBA of a picture on the page at a place given as shares of its width and height."""
    return tab.evaluate(
        """([selector, x, y]) => {
            const img = document.querySelector(selector);
            const { naturalWidth: width, naturalHeight: height } = img;
            const brush = Object.assign(document.createElement("canvas"), { width, height }).getContext("2d");
            brush.drawImage(img, 0, 0);
            return [...brush.getImageData(x * width, y * height, 1, 1).data];
        }""",
        [selector, x, y],
    )


def stays_within_the_window(tab) -> bool:
    return tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
