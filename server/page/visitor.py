"""Who sends an event of the page: see `server.clients`."""

import gradio as gr
from starlette.requests import Request

from server import clients
from server.clients import LOCAL, Client


def client_of(request: gr.Request | Request | None) -> Client:
    """The client of an event, or of a call of a tool; of one without a request, this machine."""
    asked = request.request if isinstance(request, gr.Request) else request
    return LOCAL if asked is None else clients.of(asked.scope)
