"""Who sends an event of the page: see `server.clients`."""

import gradio as gr

from server import clients
from server.clients import LOCAL, Client


def client_of(request: gr.Request | None) -> Client:
    """The client of an event; of a call without a request, this machine."""
    asked = None if request is None else request.request
    return LOCAL if asked is None else clients.of(asked.scope)
