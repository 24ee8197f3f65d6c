"""What a person does in the Live tab, and what they read there."""

ANSWER_MS = 60_000
# The page's cameras, for a test to reach: `window.streams`.
KEEP_STREAMS = """
window.streams = [];
const getUserMedia = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wanted) => {
  window.streams.push(await getUserMedia(wanted));
  return window.streams.at(-1);
};
"""
REFUSE = "navigator.mediaDevices.getUserMedia = async () => {{ throw new DOMException('no', '{}'); }};"


def begin(tab):
    """Starts the camera and waits for the picture and its figures."""
    tab.evaluate("delete document.querySelector('.live').dataset.shown")  # of the time before
    tab.click("[data-live=start]")
    return arrives(tab)


def arrives(tab):
    tab.wait_for_function("Number(document.querySelector('.live').dataset.shown) > 5", timeout=ANSWER_MS)
    return tab


def frame(tab) -> int:
    """The number of the frame shown last."""
    return int(tab.evaluate("document.querySelector('.live').dataset.frame"))


def frames_pass(tab, count: int):
    """Waits until so many more frames were shown."""
    wanted = frame(tab) + count
    tab.wait_for_function(f"document.querySelector('.live').dataset.frame >= {wanted}", timeout=ANSWER_MS)
    return tab


def notice(tab, words: str) -> str:
    """What the page says, once that holds some words."""
    tab.wait_for_selector(f"[data-live=notice]:has-text('{words}')", timeout=ANSWER_MS)
    return tab.inner_text("[data-live=notice]")


def stays_within_the_window(tab) -> bool:
    return tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
