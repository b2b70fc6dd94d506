"""Looks up what predictions need: tasks, observed indexes, calibrations, observed instructions.

Everything is loaded at its first use and cached. Does not predict; see `predictor.py`.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from robustness import paths
from robustness.data import tasks
from robustness.data.tasks import Task
from robustness.errors import NotFoundError
from robustness.index import observed_index, representations, saved_index
from robustness.index.observed_index import ObservedIndex, TaskIndex
from robustness.models.engine import Engine
from robustness.prediction import degradation
from robustness.prediction.degradation import Calibration, HeldOut, judging, user_inputs
from robustness.prediction.degradation.support import Judge
from robustness.prediction.degradation.user_inputs import UserInputs
from robustness.types import Example, Instruction

_REMEMBERED = 16
"""Sizes of the caches of task files and of user inputs; the least recently used go first."""

_State = tuple[tuple[str, int, int], ...]
"""(path, modification time, size) of each file of a task."""


class Catalog:
    """The tasks, indexes and calibrations of one engine. Safe to share among threads."""

    def __init__(
        self, engine: Engine, *, indexes: Path = paths.INDEXES, task_files: bool = False
    ) -> None:
        """Reads nothing yet.

        Args:
            engine: Serves the original model, and the aligned ones (the original with an adapter).
            indexes: The folder of all indexes.
            task_files: Whether `task` accepts the path of a file (never on a server).
        """
        self.engine = engine
        served = engine.models()
        self.original: str = served[0].id
        self.aligned: tuple[str, ...] = tuple(m.id for m in served[1:])
        self._folder = indexes
        self._task_files = task_files
        self._files: OrderedDict[str, tuple[_State, Task]] = OrderedDict()
        self._indexes: dict[str, ObservedIndex] = {}
        self._calibrations: dict[str, Calibration | None] = {}
        self._reports: dict[str, list[HeldOut]] = {}
        self._judges: dict[str, Judge] = {}
        self._by_text: dict[str, list[Instruction]] | None = None
        self._read: OrderedDict[tuple[str, ...], UserInputs] = OrderedDict()
        self._lock = threading.RLock()

    @property
    def compared(self) -> tuple[str, ...]:
        """Ids of the original model and, if there is one, of the first aligned model."""
        return (self.original, *self.aligned[:1])

    def tasks(self) -> list[Task]:
        """The built-in tasks without their examples; first those the backbone was trained on."""
        return tasks.listed()

    def task(self, name: str) -> Task:
        """A built-in task, or one from a task file if allowed, which is read again if it changed.

        Raises:
            NotFoundError: There is no such task.
            InputError, CorruptFileError, MismatchError: See `tasks.read_task`.
        """
        if not self._task_files:
            return tasks.builtin(name)
        state = _state(Path(name))
        if not state:
            return tasks.find(name)
        with self._lock:
            known = self._files.get(name)
            if known is None or known[0] != state:
                known = (state, tasks.find(name))
                self._files[name] = known
            self._files.move_to_end(name)
            while len(self._files) > _REMEMBERED:
                self._files.popitem(last=False)
            return known[1]

    def index(self, model: str | None = None) -> ObservedIndex:
        """The observed index of a model; None: the original.

        Raises:
            NotFoundError, MismatchError, CorruptFileError: See `saved_index.load`.
        """
        model = model or self.original
        with self._lock:
            if model not in self._indexes:
                spec = representations.model_info(self.engine, model).spec
                folder = observed_index.folder_of(spec, self._folder)
                loaded = saved_index.load(folder, spec)
                self._calibrations[model] = degradation.load(folder, loaded)
                self._reports[model] = degradation.load_report(folder, loaded.digest)
                self._indexes[model] = loaded
            return self._indexes[model]

    def part(self, task: Task, model: str | None = None) -> TaskIndex | None:
        """The part of a model's index for a task; None if there is no index or it lacks the task.

        Raises:
            MismatchError, CorruptFileError: As `index`.
        """
        try:
            return self.index(model).tasks.get(task.id)
        except NotFoundError:
            return None

    def calibration(self, model: str | None = None) -> Calibration | None:
        """The calibration of a model's index; None if there is none.

        Raises: As `index`.
        """
        self.index(model)
        return self._calibrations[model or self.original]

    def judge(self, model: str | None = None) -> Judge | None:
        """What tells instructions from foreign texts; None if there is no calibration.

        Raises: As `index`.
        """
        model = model or self.original
        index, calibration = self.index(model), self.calibration(model)
        with self._lock:
            if model not in self._judges and calibration is not None:
                folder = observed_index.folder_of(index.spec, self._folder)
                self._judges[model] = judging.judge(index, calibration, folder)
            return self._judges.get(model)

    def held_out(self, model: str | None = None) -> list[HeldOut]:
        """The accuracy of a model's predictions on held-out instructions; None: the original's.

        It is empty until `calibrate --held-out` has measured it.

        Raises: As `index`.
        """
        self.index(model)
        return self._reports[model or self.original]

    def observed(self, text: str, task: Task) -> Instruction | None:
        """The original model's observed instruction of this text for a task; None: there is none.

        Raises:
            MismatchError, CorruptFileError: As `index`.
        """
        with self._lock:
            if self._by_text is None:
                try:
                    known = self.index().instructions.values()
                except NotFoundError:
                    return None
                self._by_text = {}
                for instruction in known:
                    self._by_text.setdefault(instruction.text.strip(), []).append(instruction)
            found = self._by_text.get(text.strip(), ())
        return next(
            (i for i in found if i.task in (task.id, None) and i.task_type == task.task_type), None
        )

    def user_inputs(self, inputs: Sequence[Example], model: str) -> UserInputs:
        """The readings of the observed instructions on user inputs; the last few sets are cached.

        Raises:
            NotFoundError, MismatchError, CorruptFileError: As `index`.
            EngineError: See `Engine.read`.
        """
        index = self.index(model)
        key = (model, *(f"{e.id} {e.answer}" for e in user_inputs.kept(inputs)))
        with self._lock:
            known = self._read.get(key)
            if known is not None:
                self._read.move_to_end(key)
                return known
        made = user_inputs.read(self.engine, model, index, inputs)
        with self._lock:
            self._read[key] = made
            while len(self._read) > _REMEMBERED:
                self._read.popitem(last=False)
        return made


def _state(path: Path) -> _State:
    """The current state of a task's files; empty if there are none."""
    try:
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        stats = [(str(file), file.stat()) for file in files]
    except OSError:
        return ()
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)
