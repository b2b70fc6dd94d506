"""The backbones between which the page's picker changes; a further one is loaded when it is asked.

The API and its batch jobs serve the first one alone.
"""

import logging
import threading
from typing import TYPE_CHECKING

from robustness.cli.lazy_group import load
from robustness.errors import InputError, NotFoundError, RobustnessError
from robustness.models import papers
from server import command_line, errors
from server.opening import Opening
from server.settings import Settings, alone

if TYPE_CHECKING:
    from robustness.workbench import Workbench

_log = logging.getLogger(__name__)


class Backbones:
    """The workbench of the model that a request of the page names. Safe to share among threads."""

    def __init__(self, opening: Opening, settings: Settings) -> None:
        """Loads nothing.

        Args:
            opening: The first backbone, which may still be loading.
            settings: Names the further ones.

        Raises:
            InputError: Two models have the same id.
        """
        self._first = opening.workbench()
        self._settings = settings
        self._models = {papers.model_id(model): model for model in settings.also}
        if len({*self._models, papers.model_id(settings.model)}) <= len(settings.also):
            raise InputError(
                f"--also: two of the models have the same name ({', '.join(self._models)}); name "
                "folders with different names"
            )
        self._loaded: dict[str, Workbench] = {}
        self._lock = threading.Lock()

    def workbench(self, model: str | None) -> "Workbench":
        """The workbench that serves a model; that of the first backbone for any other name.

        Raises:
            NotFoundError: The model cannot be loaded; the message names no folder.
        """
        name = (model or "").partition("+")[0]
        if name not in self._models:
            return self._first
        # One after the other, so that a model that several ask for is loaded once.
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = self._load(name)
            return self._loaded[name]

    def _load(self, name: str) -> "Workbench":
        try:
            built = load("server.engines:build_engine")(self.settings(name))
        except RobustnessError as error:
            told = f"the model {name} could not be loaded: {error}"
            _log.error("%s", told)
            raise NotFoundError(errors.without_folders(told)) from error
        bench: Workbench = load("robustness.workbench:Workbench")(
            built.engine, indexes=self._settings.indexes
        )
        return bench

    def settings(self, name: str) -> Settings:
        """The settings by which a further backbone is loaded."""
        return alone(self._settings, self._models[name])

    def others(self) -> list[tuple[str, "Workbench | None"]]:
        """The further backbones by id, with their workbench where it is loaded."""
        return [(name, self._loaded.get(name)) for name in self._models]

    def commands(self) -> dict[str, list[str]]:
        """Options of a command for each model of the further backbones that are loaded."""
        made: dict[str, list[str]] = {}
        for name, bench in self.others():
            if bench is not None:
                served = [bench.original, *bench.aligned]
                made |= command_line.options(self.settings(name), served)
        return made
