"""The options by which a command loads a model that the page shows."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from robustness import paths
from robustness.models.load_options import PLAIN, PromptFormat
from server.settings import Settings


def options(settings: Settings, models: Iterable[str]) -> dict[str, list[str]]:
    """Model id -> options of `python -m robustness predict`.

    Args:
        settings: How the models are loaded.
        models: Ids of an original and its adapters.

    Returns:
        Nothing where another server has the model, since its folder is not known here.
    """
    if settings.backend:
        return {}
    common = list(_common(settings))
    folders = {Path(given).name: given for given in settings.prefixes}
    made = {}
    for model in models:
        adapter = model.partition("+")[2]
        place = folders.get(adapter, adapter)
        chosen = ["--prefix", _shown(settings, place)] if adapter else []
        made[model] = [*common, *chosen]
    return made


def _common(settings: Settings) -> Iterator[str]:
    if Path(settings.model).resolve() != paths.BACKBONE.resolve():
        yield from ("--model", _shown(settings, settings.model))
    if settings.indexes.resolve() != paths.INDEXES.resolve():
        yield from ("--indexes", _shown(settings, str(settings.indexes)))
    if settings.prompt_format != PromptFormat.AUTO:
        yield from ("--prompt-format", str(settings.prompt_format))
    loading = settings.loading
    for name in ("revision", "device", "dtype", "option_scores"):
        if getattr(loading, name) != getattr(PLAIN, name):
            yield from (f"--{name.replace('_', '-')}", str(getattr(loading, name)))
    for name in ("allow_pickle", "trust_remote_code"):
        if getattr(loading, name):
            yield f"--{name.replace('_', '-')}"
    template = loading.template
    if template.day is not None:
        yield from ("--template-date", template.day.isoformat())
    if template.system is not None:
        yield from ("--system-prompt", template.system)
    for name, value in template.arguments:
        yield from ("--template-arg", f"{name}={json.dumps(value)}")


def _shown(settings: Settings, place: str) -> str:
    """A folder as the command takes it; strangers see no path of the machine."""
    path = Path(place)
    if not path.is_dir():
        return place
    if path.resolve().is_relative_to(paths.ROOT):
        return str(path.resolve().relative_to(paths.ROOT))
    return path.name if settings.public else place
