"""Trains and measures every method and seed of an ablation, each in its own folder; resumable."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from robustness.data import instructions
from robustness.errors import InputError, MismatchError
from robustness.models.load_options import PLAIN, Dtype, Loading
from robustness.models.transformers_engine import TransformersEngine
from robustness.storage import files, provenance
from robustness.training.ablation import measure, report
from robustness.training.ablation.measure import Measured
from robustness.training.ablation.plan import HELD_OUT, SETS, Ablation, Subject
from robustness.training.ablation.report import RunResult
from robustness.training.alignment import train as alignment
from robustness.training.alignment.recipe import AlignRecipe
from robustness.training.backbone import ablation as table

SCHEMA = table.SCHEMA
HELD_OUT_FILE = "held-out.json"
"""File that records each evaluation on unobserved-test."""
Report = Callable[[str, int, int], None]
"""Progress callback: (what, done, total)."""
_ADAPTER = "aligned"


class _Runner:
    """Carries out one ablation."""

    def __init__(self, plan: Ablation, subject: Subject, loading: Loading, tell: Report) -> None:
        self._plan = plan
        self._subject = subject
        self._loading = loading
        self._tell = tell
        # A task without observed instructions has no distances and no accuracy to compare with.
        known = {i.task for i in subject.of(instructions.OBSERVED)}
        self._tasks = [task for task in subject.tasks if task.id in known]
        self._sets = [*SETS, HELD_OUT] if plan.held_out else list(SETS)

    def original(self) -> tuple[dict[str, Measured], str, str]:
        """Measurements of the backbone itself, its id and its revision.

        Raises:
            MismatchError: The folder holds another ablation.
        """
        engine = self._engine(None)
        info = engine.models()[0]
        self._claim(info.spec.revision)
        sets = self._measured(self._plan.out / "original", lambda: engine, 0, "original")
        return sets, info.id, info.spec.revision

    def _claim(self, revision: str) -> None:
        path = self._plan.out / "plan.json"
        identity = self._plan.identity(self._subject, revision)
        identity["dtype"] = str(self._loading.dtype)
        if path.is_file():
            document = files.read_json(path, schema=SCHEMA)
            with files.well_formed(path):
                before = document["identity"]
                different = [key for key, value in identity.items() if before.get(key) != value]
            if different:
                raise MismatchError(
                    f"{self._plan.out} holds another ablation (different {', '.join(different)}); "
                    "choose another folder"
                )
        else:
            files.write_json(path, {"schema": SCHEMA, "identity": identity})

    def one(self, recipe: AlignRecipe) -> RunResult:
        """Trains and measures one method with one seed, where that is not done yet."""
        folder, what = recipe.out, f"{recipe.method} seed {recipe.seed}"

        def engine() -> TransformersEngine:
            if not self._trained(recipe):
                self._train(recipe, what)
            return self._engine(recipe)

        sets = self._measured(folder, engine, 0 if recipe.kind is None else 1, what)
        record = files.read_json(folder / provenance.TRAINING_FILE, schema=alignment.SCHEMA)
        if recipe.kind is None and not self._plan.keep_weights:
            for file in (*folder.glob("*.safetensors"), *folder.glob("*.safetensors.index.json")):
                file.unlink()
        with files.well_formed(folder / provenance.TRAINING_FILE):
            return RunResult(
                method=recipe.method, seed=recipe.seed, seconds=record["seconds"],
                best_step=record["best_step"], sets=sets,
            )

    def _trained(self, recipe: AlignRecipe) -> bool:
        record = recipe.out / provenance.TRAINING_FILE
        return record.is_file() and any(recipe.out.glob("*.safetensors"))

    def _train(self, recipe: AlignRecipe, what: str) -> None:
        loading = self._loading
        if recipe.kind is None:
            # Small updates of weights are lost in half precision, in which they may be served.
            loading = replace(loading, dtype=Dtype.FLOAT32)
        alignment.train(
            recipe, model=self._subject.model, examples=self._subject.examples,
            collections=self._subject.collections(), loading=loading,
            prompt_format=self._subject.prompt_format,
            on_progress=lambda p: self._tell(f"{what}: training", p.step, p.steps),
        )

    def _engine(self, recipe: AlignRecipe | None) -> TransformersEngine:
        model, prefixes = self._subject.model, {}
        if recipe is not None and recipe.kind is None:
            model = str(recipe.out)
        elif recipe is not None:
            prefixes = {_ADAPTER: recipe.out}
        return TransformersEngine(
            model, prefixes=prefixes, loading=self._loading,
            prompt_format=self._subject.prompt_format,
        )

    def _measured(
        self, folder: Path, made: Callable[[], TransformersEngine], number: int, what: str
    ) -> dict[str, Measured]:
        """Measurements under every set, from the folder where they exist, else from the model.

        The model is trained and loaded only if a measurement is missing.
        """
        engine: TransformersEngine | None = None
        found: dict[str, Measured] = {}
        for name in self._sets:
            path = folder / f"{name}.npz"
            if not path.is_file():
                engine = engine or made()

                def progress(done: int, total: int, name: str = name) -> None:
                    self._tell(f"{what}: {name}", done, total)

                measure.save(
                    measure.measure(
                        engine, engine.models()[number].id, self._subject.of(name),
                        self._tasks, self._plan.inputs, self._plan.free, on_progress=progress,
                    ),
                    path,
                )
            found[name] = measure.load(path)
        return found


def _record_asking(plan: Ablation, subject: Subject) -> None:
    """Records an evaluation on unobserved-test, before it is made."""
    path = plan.out / HELD_OUT_FILE
    before = []
    if path.is_file():
        document = files.read_json(path, schema=SCHEMA)
        with files.well_formed(path):
            before = list(document["asked"])
    entry = {
        "methods": list(plan.methods), "seeds": list(plan.seeds),
        "instructions": len(subject.of(HELD_OUT)),
        "provenance": provenance.collect(schema=SCHEMA),
    }
    files.write_json(path, {"schema": SCHEMA, "asked": [*before, entry]})


def run(
    plan: Ablation,
    subject: Subject,
    *,
    loading: Loading = PLAIN,
    on_progress: Report | None = None,
) -> Mapping[str, Any]:
    """Trains and measures all runs that are not done yet, and writes the summary.

    Args:
        plan: The settings.
        subject: The backbone and its data.
        loading: How the backbone is loaded.
        on_progress: Called with (what, done, total).

    Returns:
        The summary, which is also written to `plan.out` as `summary.json`, `.md` and `.csv`.

    Raises:
        InputError: A set of instructions is missing, or a method does not work with the model.
        MismatchError: The folder holds another ablation.
        NotFoundError, CorruptFileError, EngineError: See `alignment.train` and `Engine.read`.
    """
    for name in (*SETS, HELD_OUT) if plan.held_out else SETS:
        if not subject.of(name):
            raise InputError(f"an ablation needs instructions of the collection {name}")
    runner = _Runner(plan, subject, loading, on_progress or (lambda what, done, total: None))
    if plan.held_out:
        _record_asking(plan, subject)
    original, model, revision = runner.original()
    runs = [runner.one(plan.recipe(m, seed)) for m in plan.methods for seed in plan.seeds]
    path = Path(subject.model) / "model.safetensors"
    summary = {
        "schema": SCHEMA, "model": model, "revision": revision,
        "weights": files.file_hash(path) if path.is_file() else None,
        "steps": plan.steps, "inputs": plan.inputs, "free": plan.free,
        "dtype": str(loading.dtype),
        "settings": dict(plan.sizes), "rates": dict(plan.rates),
        "provenance": asdict(provenance.collect(schema=SCHEMA)),
        **report.summarise(original, runs),
    }
    files.write_json(plan.out / "summary.json", summary)
    files.write_csv(plan.out / "summary.csv", report.COLUMNS, report.rows(summary))
    with files.atomic_path(plan.out / "summary.md") as temporary:
        temporary.write_text(table.markdown(files.plain(summary)), encoding="utf-8")
    return summary
