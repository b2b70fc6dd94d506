"""Loads what options name: engines, workbenches, tasks and collections."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from robustness.data import instructions
from robustness.data.tasks import Task
from robustness.errors import InputError
from robustness.evaluation import study
from robustness.evaluation.study import sources
from robustness.models import adapters
from robustness.models.load_options import Loading, PromptFormat
from robustness.models.remote_engine import RemoteEngine
from robustness.models.transformers_engine import TransformersEngine
from robustness.types import Instruction
from robustness.workbench import Workbench


def folders_of(prefixes: Sequence[Path] | None, model: str) -> Mapping[str, Path]:
    """Name -> folder of the adapters; by default those that ship for the model."""
    shipped = adapters.shipped(model)
    if prefixes is None:
        return shipped
    return {p.name: shipped.get(str(p), p) for p in prefixes}


def default_prefix(model: str) -> list[Path]:
    """The adapter that is used by default: the first one that ships for the model."""
    return list(adapters.shipped(model).values())[:1]


def engine_of(
    model: str, prefixes: Sequence[Path] | None, prompt_format: PromptFormat, loading: Loading
) -> TransformersEngine:
    """The engine in this process, with the given adapters or those that ship for the model."""
    return TransformersEngine(
        model, prefixes=folders_of(prefixes, model), prompt_format=prompt_format, loading=loading
    )


def workbench_of(
    model: str, prefixes: Sequence[Path] | None, indexes: Path, prompt_format: PromptFormat,
    loading: Loading,
) -> Workbench:
    """A workbench of an engine in this process and the saved indexes."""
    engine = engine_of(model, prefixes, prompt_format, loading)
    return Workbench(engine, indexes=indexes, task_files=True)


def served_at(urls: Sequence[str], indexes: Path) -> Workbench:
    """A workbench of another Steadfast server and the indexes saved here."""
    if len(urls) > 1:
        raise InputError(f"--engine-url was given {len(urls)} times; only --ray takes several")
    return Workbench(RemoteEngine(urls[0]), indexes=indexes, task_files=True)


def one_model(
    model: str, prefixes: Sequence[Path] | None, indexes: Path, prompt_format: PromptFormat,
    loading: Loading,
) -> tuple[Workbench, str]:
    """(workbench, id of the given adapter's model, else of the original)."""
    workbench = workbench_of(model, prefixes or [], indexes, prompt_format, loading)
    return workbench, workbench.aligned[0] if prefixes else workbench.original


def labelled_tasks(given: Sequence[str] | None, field: str = study.FIELD) -> list[Task]:
    """The tasks of `--tasks`, as `evaluate` reads them; by default the built-in tasks.

    Raises:
        InputError: A task cannot be read.
    """
    found, left = study.read_tasks(given or [sources.EVERYTHING], field=field)
    if left:
        raise InputError(f"{left[0].name}: {left[0].reason}")
    return found


def collections_of(names: Sequence[str] | None) -> list[Instruction]:
    """The instructions of shipped collections and files; of equal ones, the first.

    Raises:
        InputError, NotFoundError, CorruptFileError: See `instructions.read`.
    """
    found: dict[str, Instruction] = {}
    for name in sources.names(names or []):
        path = Path(name)
        rows = instructions.read_collection(path) if path.is_file() else instructions.builtin(name)
        found |= {i.id: i for i in rows if i.id not in found}
    return list(found.values())
