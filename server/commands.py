"""The servers as commands: `serve` and `demo`, beside those of `python -m robustness`.

Imports neither server before it is started, so that help is shown at once.
"""

from pathlib import Path

from robustness.cli.lazy_group import load
from robustness.errors import NotFoundError
from server.options import with_settings
from server.settings import Settings


def _check_model(settings: Settings) -> None:
    """Refuses, before anything is loaded, a model that can only be a folder and is none.

    Raises:
        NotFoundError: There is no such folder, or it has no configuration.
    """
    name, folder = settings.model, Path(settings.model)
    only_folder = name.startswith(("/", ".", "~")) or name.count("/") > 1
    wrong = not (folder / "config.json").is_file() if folder.is_dir() else only_folder
    if wrong and not settings.backend:
        raise NotFoundError(
            f"no model {name!r}: neither a folder with a transformers model nor a hub name"
        )


def _serve(settings: Settings) -> None:
    """Serves the API: OpenAI's endpoints under /v1, this project's under /robustness/v1."""
    _check_model(settings)
    load("server.serving:serve")(settings)


def _demo(settings: Settings) -> None:
    """Serves the page at / and the API beside it; loads the model behind the page."""
    _check_model(settings)
    load("server.demo:serve")(settings)


serve = with_settings(_serve)
demo = with_settings(_demo)
