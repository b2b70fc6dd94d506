"""What one engine is asked about: tasks, observed instructions by text, indexes, calibrations.

Everything is loaded when it is first asked for and kept. Does not predict; see `predictor.py`.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from robustness import paths
from robustness.data import tasks
from robustness.data.tasks import Task
from robustness.errors import NotFoundError
from robustness.index import observed_index, representations
from robustness.index.observed_index import ObservedIndex, TaskIndex
from robustness.models.engine import Engine
from robustness.prediction import degradation
from robustness.prediction.degradation import Calibration, HeldOut, user_inputs
from robustness.prediction.degradation.user_inputs import OwnInputs
from robustness.types import Example, Instruction

_REMEMBERED = 16
"""Task files, and sets of user inputs, that are kept; the least recently used go first."""

_State = tuple[tuple[str, int, int], ...]
"""Path, time of the last change and size of each file behind a task."""


class Catalog:
    """Safe to share among threads: it holds the only lock."""

    def __init__(
        self, engine: Engine, *, indexes: Path = paths.INDEXES, task_files: bool = False
    ) -> None:
        """Reads nothing yet.

        Args:
            engine: Serves the original model and its aligned forms.
            indexes: The folder of all indexes.
            task_files: Whether `task` may name a file on this machine (never on a server).
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
        self._by_text: dict[str, list[Instruction]] | None = None
        self._read: OrderedDict[tuple[str, ...], OwnInputs] = OrderedDict()
        self._lock = threading.RLock()

    @property
    def compared(self) -> tuple[str, ...]:
        """The original model and the first aligned one, where there is one."""
        return (self.original, *self.aligned[:1])

    def tasks(self) -> list[Task]:
        """The built-in tasks without their examples, those that the backbone learned first."""
        known = [tasks.builtin(name).without_examples() for name in tasks.builtin_names()]
        return sorted(known, key=lambda t: not t.trained)

    def task(self, name: str) -> Task:
        """A built-in task, or a task file where those are allowed; parsed again when it changed.

        Raises:
            NotFoundError: There is neither.
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
        """The observed index of a model, by default of the original.

        Raises:
            NotFoundError, MismatchError, CorruptFileError: See `observed_index.load`.
        """
        model = model or self.original
        with self._lock:
            if model not in self._indexes:
                spec = representations.model_info(self.engine, model).spec
                folder = observed_index.folder_of(spec, self._folder)
                loaded = observed_index.load(folder, spec)
                self._calibrations[model] = degradation.load(folder, loaded)
                self._indexes[model] = loaded
            return self._indexes[model]

    def part(self, task: Task, model: str | None = None) -> TaskIndex | None:
        """A task's part of a model's index; None where the index does not have it, or is missing.

        Raises:
            MismatchError, CorruptFileError: As `index`.
        """
        try:
            return self.index(model).tasks.get(task.id)
        except NotFoundError:
            return None

    def calibration(self, model: str | None = None) -> Calibration | None:
        """The calibration of a model's index; None where it has none.

        Raises: As `index`.
        """
        self.index(model)
        return self._calibrations[model or self.original]

    def held_out(self) -> list[HeldOut]:
        """What came of the original model's predictions on instructions held out of everything.

        Raises: As `index`; empty where nobody has asked yet.
        """
        index = self.index()
        return degradation.load_report(
            observed_index.folder_of(index.spec, self._folder), index.digest
        )

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

    def own_inputs(self, inputs: Sequence[Example], model: str) -> OwnInputs:
        """The observed instructions read on a user's inputs; the last few sets are kept.

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
    """The files behind a task's name as they are now; empty where there is none."""
    try:
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        stats = [(str(file), file.stat()) for file in files]
    except OSError:
        return ()
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)
