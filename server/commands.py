"""The servers as commands: `serve` and `demo`, beside those of `python -m robustness`.

Imports neither server before it is started, so that help is shown at once.
"""

from contextlib import closing
from pathlib import Path

from robustness.cli.lazy_group import load
from robustness.errors import InputError, NotFoundError
from server import job_lock, keys, port
from server.options import with_settings
from server.settings import Settings


def _check_model(settings: Settings) -> None:
    """Refuses, before anything is loaded, a model that can only be a folder and is none.

    Raises:
        NotFoundError: There is no such folder, or it has no configuration.
    """
    name, folder = settings.model, Path(settings.model)
    only_folder = name.startswith(("/", ".", "~")) or name.count("/") > 1
    is_difference = load("robustness.models.papers:is_difference")
    known = (folder / "config.json").is_file() or is_difference(folder)
    wrong = not known if folder.is_dir() else only_folder
    if wrong and not settings.backend:
        raise NotFoundError(
            f"no model {name!r}: neither a folder with a transformers model nor a hub name"
        )


def _check_access(settings: Settings) -> None:
    """Checks that a server which others reach has a key, or was told to do without.

    Raises:
        InputError: No key was given and `--no-auth` neither; or see `keys.read`.
    """
    keyed = bool(keys.read(settings.api_key_file, settings.api_key))
    if keyed and settings.no_auth:
        raise InputError("--no-auth was given together with a key; give one of them")
    if settings.public and not keyed and not settings.no_auth:
        raise InputError(
            f"others would reach the server (--host {settings.host}, --allow-host or --proxy) "
            "without a key: give it one with --api-key FILE or $STEADFAST_API_KEY, or let "
            "everybody in with --no-auth"
        )


def _serve(settings: Settings) -> None:
    """Serves the API: OpenAI's endpoints under /v1, this project's under /robustness/v1."""
    _check_model(settings)
    _check_access(settings)
    port.check(settings)
    with closing(job_lock.take(settings.jobs)) as held:
        load("server.serving:serve")(settings, held)


def _demo(settings: Settings) -> None:
    """Serves the page at / and the API beside it; loads the model behind the page."""
    _check_model(settings)
    _check_access(settings)
    port.check(settings)
    with closing(job_lock.take(settings.jobs)) as held:
        load("server.demo:serve")(settings, held)


serve = with_settings(_serve)
demo = with_settings(_demo)
