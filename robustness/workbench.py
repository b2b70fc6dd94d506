"""One engine with its indexes and predictors: what the command line, server and page ask.

Refuses to know who asks: it gives values, in points where people read them.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from robustness import paths
from robustness.data import prompts, tasks, user_instruction
from robustness.data.tasks import Task
from robustness.errors import InputError, NotFoundError
from robustness.index import observed_index as indexes_
from robustness.index import representations
from robustness.index.observed_index import ObservedIndex
from robustness.models import evaluator
from robustness.models.engine import Engine
from robustness.models.evaluator import Progress, ShouldStop
from robustness.prediction import degradation as predictors
from robustness.prediction.degradation import Calibration, HeldOut, user_inputs
from robustness.prediction.degradation.probes import STEPS
from robustness.prediction.degradation.user_inputs import OwnInputs
from robustness.prediction.predictor import Predictor, Rung
from robustness.stats import intervals
from robustness.types import (
    Comparison,
    EvalRecord,
    Example,
    Instruction,
    Measurement,
    ModelAnswer,
    Prediction,
    Prompt,
    TaskType,
    Tier,
)

_REMEMBERED = 16
_SEED = 0


class Workbench:
    """Predictions, comparisons and measurements on one engine. Safe to share among threads."""

    def __init__(
        self, engine: Engine, *, indexes: Path = paths.INDEXES, task_files: bool = False
    ) -> None:
        """Reads nothing yet: an index is loaded when it is first asked for.

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
        self._indexes: dict[str, ObservedIndex] = {}
        self._calibrations: dict[str, Calibration | None] = {}
        self._spaces: OrderedDict[tuple[str, ...], OwnInputs] = OrderedDict()
        self._lock = threading.Lock()

    def tasks(self) -> list[Task]:
        """The built-in tasks without their examples, those that the backbone learned first."""
        known = [tasks.builtin(name).without_examples() for name in tasks.builtin_names()]
        return sorted(known, key=lambda t: not t.trained)

    def task(self, name: str) -> Task:
        """A built-in task, or a task file where those are allowed.

        Raises:
            NotFoundError: There is neither.
            InputError, CorruptFileError, MismatchError: See `tasks.read_task`.
        """
        return tasks.find(name) if self._task_files else tasks.builtin(name)

    def index(self, model: str | None = None) -> ObservedIndex:
        """The observed index of a model.

        Raises:
            NotFoundError, MismatchError, CorruptFileError: See `index.load`.
        """
        model = model or self.original
        with self._lock:
            if model not in self._indexes:
                spec = representations.model_info(self.engine, model).spec
                folder = indexes_.folder_of(spec, self._folder)
                loaded = indexes_.load(folder, spec)
                self._calibrations[model] = predictors.load(folder, loaded)
                self._indexes[model] = loaded
            return self._indexes[model]

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
        return predictors.load_report(
            indexes_.folder_of(index.spec, self._folder), index.digest
        )

    def instruction(
        self, text: str, task: Task, label_words: Mapping[str, str] | None = None
    ) -> Instruction:
        """A typed text for a task; a text that is an observed one is that one, labels included.

        Raises:
            InputError: It is empty.
        """
        if label_words is None:
            for known in self._observed():
                if known.text.strip() == text.strip() and (
                    known.task in (task.id, None) and known.task_type == task.task_type
                ):
                    return known
        return user_instruction.instruction(text, task.task_type, task.id, label_words)

    def predict(
        self,
        text: str,
        *,
        task: str | None = None,
        inputs: Sequence[Example] | None = None,
        label_words: Mapping[str, str] | None = None,
        model: str | None = None,
        k: int = 5,
        probe: int = 0,
        labelled: int = 0,
    ) -> Prediction:
        """Nearest observed instructions and predicted degradation of one instruction.

        Args:
            text: A template with {placeholders}, or an instruction alone.
            task: A built-in task.
            inputs: Somebody's own inputs, where there is no task.
            label_words: Canonical option -> the word that the text asks for.
            model: A served model id; by default the original.
            k: Neighbours.
            probe: Unlabelled inputs of the task to read, where more than the representation
                takes anyway.
            labelled: Labelled inputs of the task to read.

        Raises:
            InputError: The text is empty, or its placeholders do not fit the inputs.
            NotFoundError: No such task or model, or the model has no index.
            MismatchError, CorruptFileError, EngineError: See `index` and `Engine.read`.
        """
        model = model or self.original
        index = self.index(model)
        predictor = Predictor(self.engine, model, index, self._calibrations[model], k)
        if task is not None:
            chosen = self.task(task)
            instruction = self.instruction(text, chosen, label_words)
            if chosen.id in index.tasks:
                return predictor.on_task(
                    instruction, chosen, probe=probe, labelled=labelled
                )
            inputs = chosen.split("dev") or chosen.examples
        elif inputs:
            instruction = user_instruction.instruction(
                text, user_instruction.type_of(inputs), None, label_words
            )
        else:
            return predictor.inferred(
                user_instruction.instruction(text, TaskType.QA, None, label_words)
            )
        return predictor.on_inputs(instruction, self._own(model, index, inputs))

    def ladder(
        self,
        text: str,
        *,
        task: str,
        label_words: Mapping[str, str] | None = None,
        model: str | None = None,
        k: int = 5,
        on_progress: Progress | None = None,
        should_stop: ShouldStop | None = None,
    ) -> Iterator[Rung]:
        """The prediction as evidence arrives: distance, inputs without labels, with, everything.

        The last rung is measured on all labelled test inputs, where the task has a baseline.

        Raises: As `predict` and `measure`.
        """
        model = model or self.original
        index, chosen = self.index(model), self.task(task)
        if chosen.id not in index.tasks:
            made = self.predict(text, task=task, label_words=label_words, model=model, k=k)
            yield Rung(prediction=made, calls=self.planned(task, model=model), next_calls=0)
            return
        predictor = Predictor(self.engine, model, index, self._calibrations[model], k)
        instruction = self.instruction(text, chosen, label_words)
        everything = self._measured(model, task) or 0
        last = None
        for last in predictor.ladder(instruction, chosen):
            more = last.next_calls or (0 if last.prediction.tier is Tier.MEASURED else everything)
            yield replace(last, next_calls=more)
        if last is None or last.prediction.tier is Tier.MEASURED or not everything:
            return
        measured = self.measure(
            text, task=task, model=model, label_words=label_words,
            coverage=last.prediction.coverage, on_progress=on_progress, should_stop=should_stop,
        )
        yield Rung(
            prediction=replace(
                last.prediction, degradation=measured.degradation, low=measured.low,
                high=measured.high, tier=Tier.MEASURED, in_support=True,
                basis=f"Measured on all {measured.n} labelled inputs: accuracy "
                f"{measured.accuracy:.1f} [{measured.accuracy_low:.1f}, "
                f"{measured.accuracy_high:.1f}] against {measured.observed_accuracy:.1f} under "
                "the observed instructions.",
            ),
            calls=last.calls + measured.n, next_calls=0,
        )

    def planned(
        self, task: str | None, *, model: str | None = None, probe: int = 0, labelled: int = 0
    ) -> int:
        """Prompts that `predict` would have a model read.

        Raises:
            NotFoundError, MismatchError, CorruptFileError: As `predict`.
        """
        index = self.index(model)
        if task is None:
            return 1
        chosen = self.task(task)
        if chosen.id not in index.tasks:
            return max(user_inputs.STEPS)
        part = index.tasks[chosen.id]
        inputs = len(indexes_.inputs_of(chosen, index.recipe))
        known = len(indexes_.known_probes(chosen, index.recipe, part))
        return min(known, max(inputs, probe, labelled)) or inputs

    def plan(self, task: str, *, model: str | None = None) -> dict[Tier, int]:
        """Prompts that each tier of evidence takes on a task, those of the tiers before included.

        Raises:
            NotFoundError, MismatchError, CorruptFileError: As `predict`.
        """
        model = model or self.original
        first = self.planned(task, model=model)
        if self.task(task).id not in self.index(model).tasks:
            return {Tier.DISTANCE: first}
        most = self.planned(task, model=model, probe=max(STEPS))
        return {
            Tier.DISTANCE: first, Tier.PROBES: most, Tier.LABELLED: most,
            Tier.MEASURED: most + (self._measured(model, task) or 0),
        }

    def prompt(
        self,
        text: str,
        *,
        task: str | None,
        example: Example | None,
        label_words: Mapping[str, str] | None = None,
    ) -> Prompt:
        """The exact prompt that a model sees.

        Raises:
            InputError: The text is empty, or its placeholders do not fit the input.
            NotFoundError: No such task.
        """
        if task is not None:
            chosen = self.task(task)
            instruction = self.instruction(text, chosen, label_words)
            return prompts.fill(instruction, example or self._first(chosen))
        example = example or Example(task="", fields={}, options=())
        instruction = user_instruction.instruction(
            text, user_instruction.type_of([example]), None, label_words
        )
        if not example.options:
            instruction = replace(instruction, option_format="", id="")
        return prompts.fill(instruction, example)

    def compare(
        self,
        text: str,
        *,
        task: str | None = None,
        example: Example | None = None,
        models: Sequence[str] | None = None,
        label_words: Mapping[str, str] | None = None,
    ) -> Comparison:
        """The same prompt on several models, by default the original and the first aligned one.

        Raises:
            InputError: There is neither task nor input, the input has fewer than two options, or
                the text does not fit it.
            NotFoundError, EngineError: See `Engine.read`.
        """
        if task is None and example is None:
            raise InputError("give a task, or an input with its options, to compare the answers")
        if example is None:
            example = self._first(self.task(str(task)))
        if len(example.options) < 2:
            raise InputError(
                f"an input needs at least two options to choose from, found {len(example.options)}"
            )
        prompt = self.prompt(text, task=task, example=example, label_words=label_words)
        answers = tuple(
            self._answer(model, prompt, example)
            for model in models or (self.original, *self.aligned[:1])
        )
        return Comparison(
            instruction_id=prompt.instruction_id, task=example.task, prompt=prompt.text,
            options=example.options, answers=answers, agree=len({a.option for a in answers}) == 1,
        )

    def records(
        self,
        text: str,
        *,
        task: str,
        model: str | None = None,
        label_words: Mapping[str, str] | None = None,
        limit: int | None = None,
        on_progress: Progress | None = None,
        should_stop: ShouldStop | None = None,
    ) -> list[EvalRecord]:
        """Answers to a task's labelled test inputs, in their order.

        Raises:
            InputError: The text is empty or does not fit, or the task has no labelled inputs.
            NotFoundError, EngineError, CancelledError: See `evaluator.read_cells`.
        """
        chosen = self.task(task)
        examples = chosen.labelled[:limit]
        if not examples:
            raise InputError(f"the task {chosen.id} has no labelled inputs to measure on")
        return evaluator.evaluate(
            self.engine, model or self.original, [self.instruction(text, chosen, label_words)],
            examples, on_progress=on_progress, should_stop=should_stop,
        )

    def measure(
        self,
        text: str,
        *,
        task: str,
        model: str | None = None,
        label_words: Mapping[str, str] | None = None,
        limit: int | None = None,
        coverage: float = 0.95,
        on_progress: Progress | None = None,
        should_stop: ShouldStop | None = None,
    ) -> Measurement:
        """Accuracy of an instruction, and what it loses against the observed ones.

        Args:
            text: The instruction.
            task: A task with labelled inputs.
            model: A served model id; by default the original.
            label_words: Canonical option -> the word that the text asks for.
            limit: Labelled inputs at the most.
            coverage: Nominal, of both intervals.
            on_progress: Called with (done, total) inputs.
            should_stop: Asked between chunks.

        Raises:
            As `records`; MismatchError, CorruptFileError: See `index`.

        Without a limit it takes the inputs that the observed instructions were measured on, so
        that there is a baseline.
        """
        model = model or self.original
        if limit is None:
            limit = self._measured(model, task)
        done = self.records(
            text, task=task, model=model, label_words=label_words, limit=limit,
            on_progress=on_progress, should_stop=should_stop,
        )
        correct = evaluator.correctness(done)
        own = intervals.wilson(int(correct.sum()), len(correct), coverage=coverage)
        observed = self._observed_cells(model, done)
        loss = None
        if observed is not None:
            loss = intervals.paired_bootstrap(
                observed, correct[None, :], rng=np.random.default_rng(_SEED), coverage=coverage
            )
        return Measurement(
            instruction_id=done[0].instruction_id, task=done[0].task, model=model, n=len(correct),
            accuracy=own.value * 100, accuracy_low=own.low * 100, accuracy_high=own.high * 100,
            observed_accuracy=None if observed is None else float(observed.mean()) * 100,
            degradation=None if loss is None else loss.value * 100,
            low=None if loss is None else loss.low * 100,
            high=None if loss is None else loss.high * 100,
        )

    def _own(self, model: str, index: ObservedIndex, inputs: Sequence[Example]) -> OwnInputs:
        """The observed instructions on somebody's own inputs; the last few are remembered."""
        kept = inputs[: user_inputs.step(len(inputs))]
        key = (model, *(f"{e.id} {e.answer}" for e in kept))
        with self._lock:
            known = self._spaces.get(key)
            if known is not None:
                self._spaces.move_to_end(key)
                return known
        made = user_inputs.read(self.engine, model, index, inputs)
        with self._lock:
            self._spaces[key] = made
            while len(self._spaces) > _REMEMBERED:
                self._spaces.popitem(last=False)
        return made

    def _measured(self, model: str, task: str) -> int | None:
        """How many test inputs the observed instructions were measured on; None: unknown."""
        try:
            part = self.index(model).tasks.get(self.task(task).id)
        except NotFoundError:
            return None
        return len(part.example_ids) if part is not None and part.own else None

    def _observed(self) -> Sequence[Instruction]:
        try:
            return tuple(self.index().instructions.values())
        except NotFoundError:
            return ()

    def _observed_cells(
        self, model: str, records: Sequence[EvalRecord]
    ) -> intervals.BoolArray | None:
        """The observed instructions' stored answers on the same inputs, (I, N) bool."""
        try:
            part = self.index(model).tasks.get(records[0].task)
        except NotFoundError:
            return None
        if part is None or not part.own:
            return None
        column = {e: n for n, e in enumerate(part.example_ids)}
        if any(r.example_id not in column for r in records):
            return None
        return part.correct[:, [column[r.example_id] for r in records]]

    @staticmethod
    def _first(task: Task) -> Example:
        examples = task.split("test") or task.examples
        if not examples:
            raise InputError(f"the task {task.id} has no inputs")
        return examples[0]

    def _answer(self, model: str, prompt: Prompt, example: Example) -> ModelAnswer:
        scores = self.engine.read(model, [prompt])[0].option_logprobs.astype(np.float64)
        weights = np.exp(scores - scores.max())
        return ModelAnswer(
            model=model,
            option=example.options[int(scores.argmax())],
            option_probabilities=tuple(float(w) for w in weights / weights.sum()),
            label_words=prompt.options,
        )
