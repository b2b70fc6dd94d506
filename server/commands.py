"""The servers as commands: `serve` and `demo`, beside those of `python -m robustness`.

Imports neither server before it is started, so that help is shown at once.
"""

from robustness.cli.lazy_group import load
from server.options import with_settings
from server.settings import Settings


def _serve(settings: Settings) -> None:
    """Serves the API: OpenAI's endpoints under /v1, this project's under /robustness/v1."""
    load("server.serving:serve")(settings)


def _demo(settings: Settings) -> None:
    """Serves the page at / and the API beside it; loads the model behind the page."""
    load("server.demo:serve")(settings)


serve = with_settings(_serve)
demo = with_settings(_demo)
