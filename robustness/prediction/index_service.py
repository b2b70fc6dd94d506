"""Builds, updates, calibrates and describes the indexes of all models that an engine serves."""

import functools
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from robustness.data.defaults import LEAST_MASS
from robustness.data.tasks import Task
from robustness.errors import CorruptFileError, InputError, MismatchError, NotFoundError
from robustness.index import building, observed_index, saved_index, update
from robustness.models.engine import Engine, ModelInfo
from robustness.models.sentence_encoder import Encoder
from robustness.prediction import degradation
from robustness.prediction.degradation import (
    HeldOut,
    Skill,
    embeddings,
    judging,
    kept_points,
    saved_calibration,
    support,
)
from robustness.prediction.degradation.calibration import calibrate as fit_calibration
from robustness.prediction.degradation.calibration import measure
from robustness.prediction.degradation.kept_points import KeptPoints
from robustness.types import Instruction, RepresentationSpec

Report = Callable[[str, int, int], None]
"""Progress callback: (what, done, total)."""
_UNFINISHED = "unfinished"
"""Folder in that of an index with the tasks that are read already, while it is built."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexCard:
    """Description of one model's index and calibration."""

    model: str
    folder: str
    spec: RepresentationSpec
    instructions: int
    tasks: Mapping[str, float | None]
    """Task -> mean accuracy of its observed instructions in points; None: there are none."""
    calibrated: Mapping[str, Skill]
    """Source of the task and kind of evidence -> skill; empty without a calibration."""
    created: str
    refused: str = ""
    """Why a calibration in the folder is not used; empty where it is, or there is none."""
    low_mass: Mapping[str, float] | None = None
    """Task -> probability of its options together, in points, where the model mostly answers with
    other texts; of tasks with a measured accuracy. None: no such task, or options are compared
    per byte."""
    encoder: str = ""
    """The sentence encoder that judges wordings too, where it is installed; empty: none."""


def _card(model: str, folder: Path, index: observed_index.ObservedIndex) -> IndexCard:
    calibration, refused = None, ""
    try:
        calibration = degradation.load(folder, index)
    except MismatchError as error:
        # After `add` or `remove` the calibration belongs to the old index; describe the new one.
        refused = str(error)
    means = {name: part.mean_accuracy for name, part in index.tasks.items()}
    return IndexCard(
        model=model,
        folder=str(folder),
        spec=index.spec,
        instructions=len(index.instructions),
        tasks={name: None if mean is None else mean * 100.0 for name, mean in means.items()},
        calibrated={} if calibration is None else calibration.skills,
        created=index.made.created,
        refused=refused,
        low_mass=None if index.spec.per_byte else _low(index.tasks) or None,
        encoder="" if calibration is None else _encoder(calibration),
    )


def _encoder(calibration: degradation.Calibration) -> str:
    found = calibration.support.encoded if calibration.support else None
    if found is None:
        return ""
    return found.name + ("" if found.layers is None else f" ({found.layers} of its layers)")


def _low(tasks: Mapping[str, observed_index.TaskIndex]) -> dict[str, float]:
    masses = {n: p.mass * 100.0 for n, p in tasks.items() if p.mean_accuracy is not None}
    return {name: mass for name, mass in masses.items() if mass < LEAST_MASS}


def _served(engine: Engine, adapters_only: bool) -> list[ModelInfo]:
    """The models of an engine, or those with an adapter."""
    models = engine.models()
    if adapters_only and len(models) == 1:
        raise InputError(
            f"--adapters-only: {models[0].id} has no adapter here; name one with --prefix"
        )
    return models[1:] if adapters_only else models


def build(
    engine: Engine,
    root: Path,
    observed: Sequence[Instruction],
    tasks: Sequence[Task],
    *,
    recipe: observed_index.IndexRecipe | None = None,
    adapters_only: bool = False,
    report: Report | None = None,
) -> list[IndexCard]:
    """Builds and saves the index of every served model; an older calibration is removed.

    A call after an interrupted one goes on with the task where that stopped. With `adapters_only`
    the original model's index stays as it is.

    Raises:
        InputError, NotFoundError, EngineError: See `building.build`; or there is no adapter.
    """
    cards = []
    for info in _served(engine, adapters_only):
        def progress(done: int, total: int, model: str = info.id) -> None:
            if report is not None:
                report(model, done, total)

        folder = observed_index.folder_of(info.spec, root)
        unfinished = folder / _UNFINISHED
        made = building.build(
            engine, info.id, observed, tasks, recipe=recipe,
            known=_known(unfinished, info.spec, recipe),
            keep=functools.partial(saved_index.save, folder=unfinished), on_progress=progress,
        )
        for file in (degradation.FILE, kept_points.FILE):
            (folder / file).unlink(missing_ok=True)
        _prune(folder)
        cards.append(_card(info.id, folder, saved_index.save(made, folder)))
        shutil.rmtree(unfinished, ignore_errors=True)
    return cards


def _known(
    folder: Path, spec: RepresentationSpec, recipe: observed_index.IndexRecipe | None
) -> Mapping[str, observed_index.TaskIndex]:
    """The parts that an interrupted build of the same index left in a folder."""
    try:
        left = saved_index.load(folder, spec, mapped=False)
    except (NotFoundError, MismatchError, CorruptFileError):
        return {}
    same = left.recipe == (recipe or observed_index.IndexRecipe())
    return left.tasks if same else {}


def add(
    engine: Engine,
    root: Path,
    new: Sequence[Instruction],
    tasks: Sequence[Task],
    *,
    report: Report | None = None,
) -> list[IndexCard]:
    """Adds observed instructions to the index of every served model; only these are run.

    The calibration belongs to the old index and is not used afterwards.

    Raises:
        InputError: All of them are in the index already, or see `update.update`.
        MismatchError: A task's inputs have changed, or the index changed meanwhile.
        NotFoundError, CorruptFileError, EngineError: See `saved_index.load` and
            `update.update`.
    """
    def added(known: Mapping[str, Instruction]) -> list[Instruction]:
        return list((dict(known) | {i.id: i for i in new if i.id not in known}).values())

    return _changed(
        engine, root, added, tasks, report,
        unchanged="every instruction of the file is in the index already",
    )


def remove(
    engine: Engine,
    root: Path,
    ids: Sequence[str],
    tasks: Sequence[Task],
    *,
    report: Report | None = None,
) -> list[IndexCard]:
    """Removes observed instructions from the index of every served model.

    The calibration belongs to the old index and is not used afterwards.

    Raises:
        InputError: None of them is in an index, or nothing would be left.
        MismatchError, NotFoundError, CorruptFileError, EngineError: As `add`.
    """
    gone = frozenset(ids)

    def left(known: Mapping[str, Instruction]) -> list[Instruction]:
        return [i for i in known.values() if i.id not in gone]

    return _changed(
        engine, root, left, tasks, report,
        unchanged=f"no index holds an instruction with the id {' or '.join(ids)}; "
        "they are the ids of its manifest",
    )


def _changed(
    engine: Engine,
    root: Path,
    observed: Callable[[Mapping[str, Instruction]], list[Instruction]],
    tasks: Sequence[Task],
    report: Report | None,
    *,
    unchanged: str,
) -> list[IndexCard]:
    """Updates the index of every served model; all are computed before any is saved."""
    made: list[tuple[str, Path, observed_index.ObservedIndex, observed_index.ObservedIndex]] = []
    for served in engine.models():
        folder = observed_index.folder_of(served.spec, root)
        loaded = saved_index.load(folder, served.spec, mapped=False)
        wanted = observed(loaded.instructions)
        if len(wanted) == len(loaded.instructions):
            continue

        def progress(done: int, total: int, model: str = served.id) -> None:
            if report is not None:
                report(model, done, total)

        updated = update.update(
            engine, served.id, loaded, wanted, tasks, on_progress=progress
        )
        made.append((served.id, folder, loaded, updated))
    if not made:
        raise InputError(unchanged)
    return [
        _card(model, folder, saved_index.save(updated, folder, onto=loaded.digest))
        for model, folder, loaded, updated in made
    ]


def info(engine: Engine, root: Path) -> list[IndexCard]:
    """Describes the index of every served model.

    Raises:
        NotFoundError, MismatchError, CorruptFileError: See `saved_index.load`.
    """
    cards = []
    for served in engine.models():
        folder = observed_index.folder_of(served.spec, root)
        cards.append(_card(served.id, folder, saved_index.load(folder, served.spec)))
    return cards


def calibrate(
    engine: Engine,
    root: Path,
    unobserved: Sequence[Instruction],
    tasks: Sequence[Task],
    *,
    coverage: float = 0.9,
    seed: int = 0,
    encoder: Encoder | None = None,
    adapters_only: bool = False,
    report: Report | None = None,
) -> list[IndexCard]:
    """Calibrates every served model on unobserved instructions, and saves the calibrations.

    With an encoder, whether a text is an instruction at all is judged by its embedding too. What is
    measured is kept beside the index meanwhile, so that a call after an interrupted one goes on.
    With `adapters_only` the original model's calibration stays as it is.

    Raises:
        InputError, NotFoundError, MismatchError, CorruptFileError, EngineError: See
            `saved_index.load` and `calibration.calibrate`; or there is no adapter.
    """
    cards = []
    for served in _served(engine, adapters_only):
        folder = observed_index.folder_of(served.spec, root)
        loaded = saved_index.load(folder, served.spec)

        def progress(done: int, total: int, model: str = served.id) -> None:
            if report is not None:
                report(model, done, total)

        (folder / degradation.REPORT).unlink(missing_ok=True)
        kept = KeptPoints(folder, loaded)
        made = fit_calibration(
            engine, served.id, loaded, unobserved, tasks, coverage=coverage, seed=seed,
            encoder=encoder, kept=kept, on_progress=progress,
        )
        fitted = made.support
        if encoder is not None and fitted is not None:
            texts = support.known(loaded, made.points, fitted.foreign)
            embeddings.save(embeddings.encoded(texts, encoder), folder)
        degradation.save(made, folder)
        kept.remove()
        # Last, since the calibration before may need what is deleted.
        _prune(folder)
        cards.append(_card(served.id, folder, loaded))
    return cards


def _prune(folder: Path) -> None:
    """Deletes the embeddings of wordings that no calibration of a model needs."""
    try:
        embeddings.prune(folder, saved_calibration.encoded(folder.parent))
    except (CorruptFileError, MismatchError):
        # What a calibration needs that cannot be read is not known.
        return


def held_out(
    engine: Engine,
    root: Path,
    unobserved: Sequence[Instruction],
    tasks: Sequence[Task],
    *,
    report: Report | None = None,
) -> Mapping[str, list[HeldOut]]:
    """Compares every served model's predictions with instructions it was not calibrated on.

    Returns:
        Model -> one row per tier and task type; also written as `held-out.json` beside the
        calibration.

    Raises:
        InputError: A model has no calibration.
        NotFoundError, MismatchError, CorruptFileError, EngineError: See `calibrate`.
    """
    made = {}
    types = {task.id: str(task.task_type) for task in tasks}
    for served in engine.models():
        folder = observed_index.folder_of(served.spec, root)
        loaded = saved_index.load(folder, served.spec)
        calibration = degradation.load(folder, loaded)
        if calibration is None:
            raise InputError(
                f"{served.id} has no calibration; make it with: python -m robustness calibrate"
            )

        def progress(done: int, total: int, model: str = served.id) -> None:
            if report is not None:
                report(model, done, total)

        points = measure(engine, served.id, loaded, unobserved, tasks, on_progress=progress)
        made[served.id] = degradation.report(
            calibration, points, types, judging.judge(loaded, calibration, folder)
        )
        degradation.save_report(made[served.id], folder, loaded.digest)
    return made
