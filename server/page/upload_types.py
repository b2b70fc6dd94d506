"""Refuses uploads of the page that are no tables, and deletes them.

Gradio checks the type of a file in the browser alone.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server import errors

UPLOAD = "/gradio_api/upload"
"""Path of that endpoint."""
TABLES = (".csv", ".tsv", ".json", ".jsonl", ".parquet")


class UploadTypes:
    """ASGI middleware around Gradio's endpoint for uploads, which replies with the files' paths."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes an upload on, and replaces the reply if a file is no table."""
        messages: list[Message] = []

        async def kept(message: Message) -> None:
            messages.append(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                await self._reply(messages, scope, receive, send)

        await self._app(scope, receive, kept)

    async def _reply(
        self, messages: Sequence[Message], scope: Scope, receive: Receive, send: Send
    ) -> None:
        wrong = []
        if messages[0]["status"] == 200:
            paths = json.loads(b"".join(m.get("body", b"") for m in messages))
            wrong = [Path(p) for p in paths if Path(p).suffix.lower() not in TABLES]
        if not wrong:
            for message in messages:
                await send(message)
            return
        for path in paths:
            Path(path).unlink(missing_ok=True)
        why = f"{wrong[0].name}: no table that is read ({', '.join(TABLES)})"
        await JSONResponse(errors.body(why, "invalid_request_error"), 400)(scope, receive, send)
