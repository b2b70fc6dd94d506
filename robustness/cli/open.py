"""Loads the models that options name: engines and workbenches.

Does not read tasks and collections; see `sets.py`. Does not use another server; see `remote.py`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from robustness.models import adapters
from robustness.models.load_options import Loading, PromptFormat
from robustness.models.transformers_engine import TransformersEngine
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


def one_model(
    model: str, prefixes: Sequence[Path] | None, indexes: Path, prompt_format: PromptFormat,
    loading: Loading,
) -> tuple[Workbench, str]:
    """(workbench, id of the given adapter's model, else of the original)."""
    workbench = workbench_of(model, prefixes or [], indexes, prompt_format, loading)
    return workbench, workbench.aligned[0] if prefixes else workbench.original
