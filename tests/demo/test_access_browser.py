"""The page for those who do not see it, or have no mouse: axe-core in every state, the keyboard, headings, movement.

Set SCREENSHOTS to a folder to keep what the browser saw.
"""

from collections.abc import Callable
from itertools import pairwise

import pytest
from axe_playwright_python.sync_playwright import Axe
from page_states import ANSWER_MS, STATES, found, live, photos_for_states, unfolded

GRAVE = ("critical", "serious")
MOST_TABS = 120
# The element with the keyboard's focus: its name, and where it is.
FOCUSED = """() => {
  const at = document.activeElement, block = at.closest("[id]");
  const said = at.getAttribute("aria-label") || at.labels?.[0]?.innerText || at.innerText;
  const name = said || at.querySelector("img")?.alt || at.title;
  return { name: (name ?? "").trim(), id: at.id, block: block?.id ?? "", tag: at.tagName, type: at.type ?? "" };
}"""
OUTLINES = (
    "() => { const style = getComputedStyle(document.activeElement); return [style.outlineStyle, style.outlineWidth]; }"
)

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def photos(tmp_path_factory, cat_photo):
    return photos_for_states(tmp_path_factory.mktemp("photos"), cat_photo)


def headings_fault(tab) -> list[str]:
    """What is wrong with the headings that are seen: one of the first level, and no level left out."""
    levels = tab.evaluate(
        "[...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].filter(h => h.offsetParent && h.innerText.trim())"
        ".map(h => Number(h.tagName[1]))"
    )
    is_good = levels[:1] == [1] and levels.count(1) == 1 and all(b - a <= 1 for a, b in pairwise(levels))
    return [] if is_good else [f"headings of levels {levels}"]


def grave_faults(tab) -> list[str]:
    """What axe-core calls critical or serious, one a line, with where it is."""
    tab.wait_for_timeout(600)  # nothing fades in any more, and all has its name
    violations = Axe().run(tab).response["violations"]
    return [
        f"{each['impact']} {each['id']}: {each['help']}\n    {node['target']}\n    {node['html'][:200]}\n    "
        + "; ".join(check["message"] for check in (*node["any"], *node["all"], *node["none"]))
        for each in violations
        if each["impact"] in GRAVE
        for node in each["nodes"]
    ]


@pytest.mark.parametrize("name", STATES)
def test_axe_finds_nothing_grave_and_headings_are_in_order(visit, keep, photos, name):
    tab = visit(width=1400, height=900)
    STATES[name](tab, photos)
    faults = headings_fault(tab)
    for scheme, width, height in (("light", 1400, 900), ("dark", 1400, 900), ("dark", 390, 844), ("light", 390, 844)):
        tab.emulate_media(color_scheme=scheme)
        tab.set_viewport_size({"width": width, "height": height})
        tab.wait_for_function(f"document.body.classList.contains('dark') === {str(scheme == 'dark').lower()}")
        keep(tab, f"access-{name}-{scheme}-{width}")
        faults += [f"{scheme}, {width} px: {fault}" for fault in grave_faults(tab)]
        if tab.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            faults.append(f"{scheme}, {width} px: the page is wider than the window")
    assert not faults, "\n".join(faults)


# --- The keyboard ---


def walk(tab) -> list[dict]:
    """Every stop of the Tab key, from the first to the last."""
    stops = []
    tab.evaluate("document.activeElement.blur()")
    for _ in range(MOST_TABS):
        tab.keyboard.press("Tab")
        at = tab.evaluate(FOCUSED)
        if at["tag"] == "BODY":
            return stops
        stops.append(at)
    raise AssertionError(f"more than {MOST_TABS} stops: {stops[-3:]}")


def go_to(tab, wanted: Callable[[dict], bool]) -> dict:
    """Presses Tab until the focus is where it is wanted."""
    tab.evaluate("document.activeElement.blur()")
    for _ in range(MOST_TABS):
        tab.keyboard.press("Tab")
        if wanted(at := tab.evaluate(FOCUSED)):
            return at
    raise AssertionError("the Tab key does not get there")


def test_tab_reaches_everything_on_the_empty_page_in_the_order_in_which_it_is_seen(visit):
    tab = visit()
    tab.wait_for_selector("#examples img[alt^='Example: ']", timeout=ANSWER_MS)
    tab.wait_for_selector("#photo button[aria-label^='Photo: drop']", timeout=ANSWER_MS)
    tab.wait_for_selector("button:has-text('The same from code')", timeout=ANSWER_MS)
    stops = walk(tab)
    assert all(stop["name"] for stop in stops), [stop for stop in stops if not stop["name"]]
    names = [stop["name"] for stop in stops]
    assert stops[0]["tag"] == "SUMMARY"
    assert names[1:5] == ["Photo", "Live", "Video", "Lab"]
    assert names[5:9] == [
        "Photo: drop a file here, or press to choose one", "Upload file", "Capture from camera", "Paste from clipboard",
    ]  # fmt: skip
    assert names[9:15] == [
        f"Example: {each}" for each in ("cat", "black cat", "dog", "dog room", "cat and dog", "coffee")
    ]
    assert names[15].startswith("The same from code")


def test_tab_reaches_everything_of_an_answer(visit, photos):
    tab = visit()
    found(tab, photos)
    stops = walk(tab)
    assert all(stop["name"] for stop in stops), [stop for stop in stops if not stop["name"]]
    names = [stop["name"].split("\n")[0] for stop in stops]
    for name in (
        *("Download the cut-out (PNG)", "Cut-out", "Mask (PNG)", "COCO polygons", "COCO RLE", "Outlines (SVG)"),
        *("Figures (JSON)", "Left", "Right", "Time it again, longer", "Line between the two backends, in percent"),
        *("Touch up by hand", "Areas and confidence", "All figures", "The same from code"),
    ):
        assert name in names, (name, names)


def test_the_tab_key_passes_by_without_starting_anything(visit, photos):
    tab = visit()
    found(tab, photos)
    started = []
    tab.on("request", lambda request: started.append(request.url) if "queue/join" in request.url else None)
    walk(tab)
    tab.wait_for_timeout(500)
    assert started == []


def test_an_example_is_answered_shown_otherwise_and_compared_without_a_mouse(visit):
    tab = visit()
    tab.wait_for_selector("#examples img[alt='Example: cat']", timeout=ANSWER_MS)
    go_to(tab, lambda at: at["name"] == "Example: cat")
    tab.keyboard.press("Enter")
    tab.wait_for_selector(".verdict.found", timeout=ANSWER_MS)
    tab.wait_for_selector("#slider img >> nth=1", timeout=ANSWER_MS)

    go_to(tab, lambda at: at["block"] == "effect" and at["type"] == "radio")
    tab.keyboard.press("ArrowRight")
    tab.wait_for_selector("#result img[alt^='Overlay. ']", timeout=ANSWER_MS)

    go_to(tab, lambda at: at["name"].startswith("Line between"))
    for _ in range(10):
        tab.keyboard.press("ArrowRight")
    line = "document.querySelector('.compare').style.getPropertyValue('--at')"
    assert tab.evaluate(line) == "60%"  # from 50, a percent a press
    assert tab.evaluate("getComputedStyle(document.querySelector('.compare')).outlineStyle") == "solid"

    go_to(tab, lambda at: at["name"] == "Download the cut-out (PNG)")
    with tab.expect_download(timeout=ANSWER_MS) as download:
        tab.keyboard.press("Enter")
    assert download.value.suggested_filename == "cat-cutout.png"


def test_what_is_folded_away_opens_with_the_keyboard(visit, photos):
    tab = visit()
    go_to(tab, lambda at: at["tag"] == "SUMMARY")
    tab.keyboard.press("Enter")
    assert tab.is_visible("#header dl")
    tab.keyboard.press("Enter")
    assert not tab.is_visible("#header dl")
    found(tab, photos)
    for title, seen in (("Areas and confidence", "#areas table"), ("Touch up by hand", "#touch-editor canvas")):
        go_to(tab, lambda at, title=title: at["name"].startswith(title))
        tab.keyboard.press("Enter")
        tab.wait_for_selector(seen, timeout=ANSWER_MS)


def test_the_place_of_the_keyboard_is_seen(visit):
    tab = visit()
    for _ in range(8):
        tab.keyboard.press("Tab")
        assert tab.evaluate(OUTLINES) == ["solid", "3px"], tab.evaluate(FOCUSED)


def test_the_live_tab_starts_and_stops_without_a_mouse(visit, photos):
    tab = visit()
    live(tab, photos)
    go_to(tab, lambda at: at["name"] == "Start the camera")
    tab.keyboard.press("Enter")
    tab.wait_for_function("Number(document.querySelector('.live').dataset.shown) > 5", timeout=ANSWER_MS)
    assert tab.get_attribute("[data-live=canvas0]", "aria-label").startswith("OpenVINO INT8 sees:")
    go_to(tab, lambda at: at["name"] == "Stop")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("[data-live=start]", timeout=ANSWER_MS)


# --- What is said, and what moves ---


def test_pictures_and_charts_say_what_they_show(visit, photos):
    tab = visit()
    found(tab, photos)
    tab.wait_for_selector("#chart .main-svg[aria-label*=' ms']", timeout=ANSWER_MS)
    chart = tab.get_attribute("#chart .main-svg", "aria-label")
    assert chart.startswith("Latency, median of warm rounds: ")
    assert "OpenVINO INT8" in chart
    assert tab.get_attribute("#result img", "alt").startswith("Cut-out. A cat covers ")
    pictures = tab.locator("img:visible").all()
    assert all(each.get_attribute("alt") for each in pictures if not each.evaluate("img => img.closest('footer')"))


def test_what_changes_by_itself_is_in_a_region_that_is_read_out(visit, photos):
    tab = visit()
    tab.wait_for_selector("#verdict[aria-live=polite]", state="attached", timeout=ANSWER_MS)
    found(tab, photos)
    tab.wait_for_selector("#speed[aria-live=polite]", timeout=ANSWER_MS)
    assert tab.inner_text("#verdict[aria-live=polite] h2").startswith("A cat, found in ")


def test_nothing_moves_for_who_wants_no_movement(visit, photos):
    tab = visit()
    tab.emulate_media(reduced_motion="reduce")
    unfolded(tab, photos)
    moving = tab.evaluate("""[...document.querySelectorAll("*")].map(each => getComputedStyle(each))
        .flatMap(style => `${style.animationDuration}, ${style.transitionDuration}`.split(", "))
        .filter(each => parseFloat(each) > 0.001)""")
    assert moving == []


def test_the_document_says_what_it_is(visit):
    tab = visit()
    assert tab.title() == "Whisker: cut out your cat or dog"
    assert tab.get_attribute("html", "lang") == "en"
    for name in ("meta[name=description]", "meta[property='og:description']"):
        assert tab.get_attribute(name, "content").startswith("Cut out your cat or dog"), name
    assert tab.get_attribute("meta[property='og:title']", "content") == tab.title()
    assert tab.get_attribute("meta[property='og:type']", "content") == "website"
    assert "Gradio" not in "".join(tab.evaluate("[...document.querySelectorAll('meta')].map(meta => meta.content)"))
