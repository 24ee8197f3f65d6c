"""The Live tab when something goes wrong: no camera, no connection, no room on the server."""

import pytest
from live_tab import ANSWER_MS, KEEP_STREAMS, REFUSE, begin, frame, notice, stays_within_the_window

pytestmark = pytest.mark.browser

WITHOUT_HTTPS = "Object.defineProperty(Navigator.prototype, 'mediaDevices', { get: () => undefined });"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (REFUSE.format("NotAllowedError"), "was not allowed to use the camera. Press the camera or lock symbol"),
        (REFUSE.format("NotFoundError"), "No camera was found on this device."),
        (REFUSE.format("NotReadableError"), "The camera is in use by another program."),
        (REFUSE.format("AbortError"), "The camera did not start (no)."),
        (WITHOUT_HTTPS, "browsers give the camera only to pages that come by HTTPS or from this very machine"),
    ],
    ids=["not allowed", "none", "in use", "other", "no HTTPS"],
)
def test_a_camera_that_cannot_be_had_is_told_in_a_sentence(live, keep, script, words):
    tab = live(script=script)
    tab.click("[data-live=start]")
    said = notice(tab, words)
    assert said.endswith(".")
    assert tab.is_visible("[data-live=start]")
    assert stays_within_the_window(tab)


def test_a_camera_that_is_pulled_out_is_told_and_the_tab_is_ready_again(live):
    tab = begin(live(script=KEEP_STREAMS))
    tab.evaluate("window.streams[0].getVideoTracks()[0].dispatchEvent(new Event('ended'))")
    assert "The camera is gone." in notice(tab, "The camera is gone.")
    assert tab.is_visible("[data-live=start]")
    begin(tab)
    assert not tab.is_visible("[data-live=notice]")


@pytest.fixture
def cut(live):
    """A tab whose connections the test may close from the server's side: `tab, connections = cut()`."""

    def open_tab():
        connections = []

        def take(route) -> None:
            route.connect_to_server()
            connections.append(route)

        tab = live(prepare=lambda tab: tab.route_web_socket("**/live", take))
        return begin(tab), connections

    return open_tab


def test_a_lost_connection_is_told_and_made_again_each_time(cut):
    tab, connections = cut()
    for number in (1, 2):
        before = frame(tab)
        connections[-1].close(code=1011)
        notice(tab, "The connection to the server was lost. Trying again.")
        tab.wait_for_function(f"document.querySelector('.live').dataset.frame > {before + 10}", timeout=ANSWER_MS)
        assert len(connections) == 1 + number
        assert not tab.is_visible("[data-live=notice]")


def test_a_place_lost_by_silence_is_had_again_even_after_a_lost_connection(cut):
    tab, connections = cut()
    for code in (1011, 4002):
        before = frame(tab)
        connections[-1].close(code=code)
        tab.wait_for_function(f"document.querySelector('.live').dataset.frame > {before + 10}", timeout=20_000)
    assert len(connections) == 3


def test_a_server_that_is_full_says_so_and_the_tab_is_ready_again(live):
    def full(route) -> None:
        route.send('{"error": "24 viewers share this machine or wait for it, the most it takes."}')
        route.close(code=4001)

    tab = live(prepare=lambda tab: tab.route_web_socket("**/live", full))
    tab.click("[data-live=start]")
    assert notice(tab, "24 viewers share this machine").startswith("24 viewers")
    tab.wait_for_selector("[data-live=start]", timeout=ANSWER_MS)


def test_the_place_in_the_line_and_a_benchmark_are_told(live):
    routes = []
    tab = live(prepare=lambda tab: tab.route_web_socket("**/live", lambda route: routes.append(route)))
    tab.click("[data-live=start]")
    while not routes:
        tab.wait_for_timeout(20)
    routes[0].send('{"standing": {"place": 2, "viewers": 4, "is_measured": false}}')
    assert notice(tab, "4 viewers share this machine. You are number 2 in the line;")
    routes[0].send('{"standing": {"place": 0, "viewers": 4, "is_measured": true}}')
    assert notice(tab, "Something is being timed on this machine. The live picture goes on when it is done.")
    routes[0].send('{"standing": {"place": 0, "viewers": 4, "is_measured": false}}')
    tab.wait_for_selector("[data-live=notice]", state="hidden", timeout=ANSWER_MS)
    assert "Shared with 3 other viewers" in tab.inner_text("[data-live=viewers]")
