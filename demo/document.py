"""What the page says of itself to search engines and to those who share its address: description and preview.

Gradio's document names Gradio there; what is served is changed on its way out.
"""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from html import escape
from typing import Any

TITLE = "Whisker: cut out your cat or dog"
DESCRIPTION = (
    "Cut out your cat or dog in a photo, live or in a video, and see what INT8 buys on this very CPU: PyTorch, "
    "TorchScript, OpenVINO FP32 and INT8 side by side."
)
OTHERS = re.compile(rb'<meta\s+(?:property="og:|name="twitter:|name="description")[^>]*>\s*')

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


def head() -> bytes:
    """Our own lines for the document's head."""
    tags = {
        'name="description"': DESCRIPTION,
        'property="og:title"': TITLE,
        'property="og:type"': "website",
        'property="og:description"': DESCRIPTION,
        'name="twitter:card"': "summary",
    }
    return "".join(f'<meta {name} content="{escape(text)}" />\n' for name, text in tags.items()).encode()


def with_own_head(document: bytes) -> bytes:
    """The document with our lines in place of Gradio's."""
    return OTHERS.sub(b"", document).replace(b"<head>", b"<head>\n" + head(), 1)


class OwnHead:
    """Middleware (ASGI) that does this to the page itself; all else passes through untouched.

    Args:
        app: what is served.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in ("", "/") or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        start: Message = {}
        parts: list[bytes] = []

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            parts.append(message.get("body", b""))
            if message.get("more_body"):
                return
            body = with_own_head(b"".join(parts))
            kept = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
            await send({**start, "headers": [*kept, (b"content-length", str(len(body)).encode())]})
            await send({"type": "http.response.body", "body": body})

        await self._app(scope, receive, keep)
