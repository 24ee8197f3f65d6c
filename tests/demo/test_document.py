"""What the page says of itself to search engines, on its way out."""

import re
from html import unescape

import pytest

from demo.document import DESCRIPTION, TITLE, OwnHead, with_own_head

THEIRS = b"""<!doctype html><html><head>
<meta charset="utf-8" />
<meta property="og:title" content="Gradio" />
<meta property="og:type" content="website" />
<meta property="og:url" content="https://gradio.app/" />
<meta property="og:description" content="Click to try out the app!" />
<meta name="twitter:card" content="summary_large_image" />
<meta name="twitter:creator" content="@Gradio" />
<meta name="description" content="A Gradio app" />
<meta name="viewport" content="width=device-width" />
</head><body>Gradio draws this. \xe2\x9c\x93</body></html>"""


def tags(document: bytes) -> dict[str, str]:
    """The content of each description of the page, by name or property."""
    found = re.findall(r'<meta (?:name|property)="([^"]+)" content="([^"]*)"', document.decode())
    return {name: unescape(content) for name, content in found}


def test_our_description_stands_in_place_of_theirs():
    said = tags(with_own_head(THEIRS))
    assert said == {
        "description": DESCRIPTION,
        "og:title": TITLE,
        "og:type": "website",
        "og:description": DESCRIPTION,
        "twitter:card": "summary",
        "viewport": "width=device-width",
    }


def test_the_rest_of_the_document_stays():
    document = with_own_head(THEIRS)
    assert b'<meta charset="utf-8" />' in document
    assert document.endswith("<body>Gradio draws this. ✓</body></html>".encode())
    assert document.count(b"<head>") == 1


async def sent(scope: dict, *messages: dict) -> list[dict]:
    """What goes out where an app sends these messages."""
    out: list[dict] = []

    async def app(scope, receive, send) -> None:
        for message in messages:
            await send(message)

    async def send(message) -> None:
        out.append(message)

    await OwnHead(app)(scope, None, send)
    return out


def http(path: str, method: str = "GET") -> dict:
    return {"type": "http", "path": path, "method": method}


def start(length: int) -> dict:
    headers = [(b"content-type", b"text/html"), (b"Content-Length", str(length).encode()), (b"x-other", b"kept")]
    return {"type": "http.response.start", "status": 200, "headers": headers}


@pytest.mark.parametrize("path", ["/", ""])
def test_the_page_goes_out_with_its_own_head_and_the_right_length(in_loop, path):
    first, rest = THEIRS[:100], THEIRS[100:]  # in two parts
    parts = [
        {"type": "http.response.body", "body": first, "more_body": True},
        {"type": "http.response.body", "body": rest},
    ]
    head, body = in_loop(sent(http(path), start(len(THEIRS)), *parts))
    assert body["body"] == with_own_head(THEIRS)
    assert not body.get("more_body")
    lengths = [value for name, value in head["headers"] if name.lower() == b"content-length"]
    assert lengths == [str(len(body["body"])).encode()]
    assert (b"x-other", b"kept") in head["headers"]
    assert head["status"] == 200


@pytest.mark.parametrize("scope", [http("/config"), http("/", "HEAD"), {"type": "websocket", "path": "/"}])
def test_all_else_passes_untouched(in_loop, scope):
    messages = [start(len(THEIRS)), {"type": "http.response.body", "body": THEIRS}]
    assert in_loop(sent(scope, *messages)) == messages
