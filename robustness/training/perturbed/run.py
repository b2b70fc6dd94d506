"""Trains and tests a copy of the model for every arm of a plan; finished arms are kept.

The model's own files are not changed; the answers of each finished arm are written to one file.
"""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from rouge_score.rouge_scorer import RougeScorer

from robustness.data import answers as parsing
from robustness.data import prompts
from robustness.errors import CancelledError, InputError, MismatchError
from robustness.evaluation.study.run import Report
from robustness.evaluation.study.values import Left
from robustness.models import checkpoint as checkpoints
from robustness.models.evaluator import ShouldStop
from robustness.models.load_options import PLAIN, Loading
from robustness.storage import files
from robustness.training.alignment.forward import Forward
from robustness.training.alignment.groups import Group, Instance, answer_of, instance_of
from robustness.training.alignment.recipe import AlignRecipe
from robustness.training.alignment.trainee import Trainee
from robustness.training.alignment.update import optimizer_of, update
from robustness.training.perturbed import greedy
from robustness.training.perturbed.plan import Pair, Plan, Trial, altered, tested_as
from robustness.training.perturbed.recipe import Arm, Form, Setting, Version
from robustness.training.perturbed.values import Answer
from robustness.types import content_id

SCHEMA = 1
RUNS = "runs"
_WARM_UP = 10
"""One in so many updates belongs to the warm-up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The answers of one finished arm."""

    arm: Arm
    answers: tuple[Answer, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class _Test:
    """A test input under one version of its instruction, as token ids."""

    prompt: tuple[int, ...]
    word: str
    """The gold label word."""
    words: tuple[str, ...]
    """Label words of all options."""


class Experiment:
    """Carries out a plan on a model, reusing the arms that an earlier run finished."""

    def __init__(
        self, plan: Plan, model: str | Path, out: Path, *, loading: Loading = PLAIN
    ) -> None:
        """Loads the model and leaves out test inputs that do not fit in its context.

        Args:
            plan: The plan.
            model: A folder with a transformers model, or a name on the hub.
            out: Folder of the results.
            loading: Revision, device and number type; half precision is trained in float32.

        Raises:
            NotFoundError, CorruptFileError: See `checkpoint.load`.
            InputError: No test input fits.
        """
        self._plan = plan
        self._out = out
        self.loaded = checkpoints.load(model, loading=loading)
        # Small updates are lost in half precision.
        self.loaded.model.float()
        self._forward = Forward(self.loaded)
        self._trainee = Trainee(AlignRecipe(out=out, method="ft"), self.loaded)
        self._start = self._trainee.state()
        known = {v: [self._test(c, v) for c in plan.cells] for v in plan.recipe.versions}
        # An input that is too long under one version is left out under all, to keep them paired.
        fits = [all(self._fits(known[v][n]) for v in known) for n in range(len(plan.cells))]
        self.cells: tuple[Trial, ...] = tuple(
            c for c, fit in zip(plan.cells, fits, strict=True) if fit
        )
        self._tests = {
            v: [t for t, fit in zip(rows, fits, strict=True) if fit] for v, rows in known.items()
        }
        if not self.cells:
            raise InputError(
                f"no test input fits in the {self.loaded.context} tokens of {self.loaded.id}; "
                "leave out the versions with worked examples (--versions)"
            )
        self.left = self._left(fits)

    def _test(self, cell: Trial, version: Version) -> _Test:
        instruction = cell.under(version)
        made = instance_of(self.loaded.tokenizer, (self.loaded.end,), instruction, cell.example)
        return _Test(
            made.prompt, answer_of(instruction, cell.example),
            prompts.label_words(instruction, cell.example.options),
        )

    def _fits(self, test: _Test) -> bool:
        room = 0 if self.loaded.encoder_decoder else greedy.MOST_TOKENS
        return len(test.prompt) + room <= self.loaded.context

    def _left(self, fits: Sequence[bool]) -> tuple[Left, ...]:
        counts: dict[str, int] = {}
        for cell, fit in zip(self._plan.cells, fits, strict=True):
            if not fit:
                counts[cell.task.id] = counts.get(cell.task.id, 0) + 1
        return tuple(
            Left(
                what="input", name=f"{count} of {task}",
                reason=f"under one of the versions longer than {self.loaded.context} tokens",
            )
            for task, count in counts.items()
        )

    def _identity(self, arm: Arm) -> str:
        """Hash of everything on which the result of an arm depends."""
        recipe, loaded = self._plan.recipe, self.loaded
        versions = sorted({Version.ORIGINAL, arm.version})
        return content_id(
            SCHEMA, loaded.id, loaded.revision, arm.name,
            [recipe.epochs, recipe.batch, recipe.learning_rate] if arm.instances else [],
            # Which inputs are left out depends on all versions.
            recipe.versions,
            [(p.instruction.id, p.example.id, p.example.answer) for p in self._plan.pairs(arm)],
            [(c.setting, c.instruction.id, c.example.id) for c in self.cells],
            [(t.prompt, t.word) for v in versions for t in self._tests[v]],
        )

    def _file(self, arm: Arm) -> Path:
        return self._out / RUNS / f"{arm.name}-{self._identity(arm)[:8]}.json"

    def known(self) -> int:
        """Number of finished arms."""
        return sum(self._file(arm).is_file() for arm in self._plan.recipe.arms)

    def run(
        self, *, report: Report | None = None, should_stop: ShouldStop | None = None
    ) -> list[Finished]:
        """Trains and tests the arms that are not finished; returns all in the order of the plan.

        Args:
            report: Called with (what, done, total), counted in updates and answers.
            should_stop: Called before each update and each test; True cancels.

        Raises:
            CancelledError: `should_stop` returned True; the same call repeats the current arm.
            CorruptFileError, MismatchError: The file of a finished arm is malformed, or was written
                by another version.
        """
        arms = self._plan.recipe.arms
        total = sum(self._plan.updates(a) + len(self.cells) * len(a.tested) for a in arms)
        done, found = 0, []
        for arm in arms:
            file = self._file(arm)
            units = self._plan.updates(arm) + len(self.cells) * len(arm.tested)

            def on_step(what: str, steps: int, before: int = done, name: str = arm.name) -> None:
                if should_stop is not None and should_stop():
                    raise CancelledError(
                        f"stopped in {name}; run the same command to resume"
                    )
                if report is not None:
                    report(f"{name}, {what}", before + steps, total)

            on_step("start", 0)
            found.append(_read(file, arm) if file.is_file() else self._carry_out(arm, on_step))
            done += units
            if report is not None:
                report(f"{arm.name}, finished", done, total)
        return found

    def _carry_out(self, arm: Arm, on_step: Any) -> Finished:
        since = time.monotonic()
        self._trainee.restore(self._start)
        losses = self._train(arm, on_step) if arm.instances else []
        answers: list[Answer] = []
        for tested in arm.tested:
            on_step(f"testing with {tested}", self._plan.updates(arm) + len(answers))
            answers += self._answers(arm, tested)
        seconds = time.monotonic() - since
        files.write_json(
            self._file(arm),
            {
                "schema": SCHEMA, "arm": arm, "model": self.loaded.id,
                "revision": self.loaded.revision, "seconds": round(seconds, 2),
                "losses": [round(x, 5) for x in losses], "answers": answers,
            },
        )
        return Finished(arm=arm, answers=tuple(answers), seconds=seconds)

    def _instance(self, pair: Pair, version: Version, seed: int) -> Instance:
        instruction = altered(version, pair.instruction, pair.task, seed=seed)
        return instance_of(self.loaded.tokenizer, (self.loaded.end,), instruction, pair.example)

    def _train(self, arm: Arm, on_step: Any) -> list[float]:
        """Fine-tunes all weights; returns the mean loss of each update, in nats per answer."""
        plan = self._plan
        groups = []
        for pair in plan.pairs(arm):
            made = [self._instance(pair, v, arm.seed) for v in plan.recipe.versions]
            if all(len(i.prompt) + len(i.answer) <= self.loaded.context for i in made):
                chosen = made[plan.recipe.versions.index(arm.version)]
                groups.append(Group(pair.task.id, chosen, ()))
        if not groups:
            raise InputError(
                f"no training input fits in the {self.loaded.context} tokens of {self.loaded.id}; "
                "leave out the versions with worked examples (--versions)"
            )
        size = plan.recipe.batch
        steps = plan.updates(arm)
        recipe = AlignRecipe(
            out=self._out, method="ft", steps=steps, warmup=steps // _WARM_UP,
            learning_rate=plan.recipe.learning_rate, rows_per_pass=size, seed=arm.seed,
        )
        optimizer = optimizer_of(recipe, self._trainee)
        losses: list[float] = []
        for epoch in range(plan.recipe.epochs):
            order = list(groups)
            random.Random(f"{arm.seed}-{epoch}").shuffle(order)
            for start in range(0, len(order), size):
                made_step = update(
                    recipe, self._forward, order[start : start + size], self._trainee, optimizer,
                    len(losses),
                )
                losses.append(made_step.total)
                on_step("training", len(losses))
        return losses

    def _answers(self, arm: Arm, tested: Form) -> list[Answer]:
        tests = self._tests[tested_as(tested, arm.version)]
        texts = greedy.answers(self.loaded, [t.prompt for t in tests])
        return [
            Answer(
                version=arm.version, instances=arm.instances, seed=arm.seed, setting=cell.setting,
                tested=tested, task=cell.task.id, instruction_id=cell.instruction.id,
                example_id=cell.example.id, gold=test.word, text=text,
                parsed=parsing.parse(text, cell.example.options, test.words),
                exact=parsing.exact(text, test.word), rouge=round(rouge(text, test.word), 5),
            )
            for cell, test, text in zip(self.cells, tests, texts, strict=True)
        ]

    def words(self) -> list[tuple[Setting, str, str, tuple[str, ...]]]:
        """(setting, task, gold word, all label words) of each test under original instructions."""
        tests = self._tests[Version.ORIGINAL]
        return [
            (c.setting, c.task.id, t.word, t.words)
            for c, t in zip(self.cells, tests, strict=True)
        ]


@cache
def _scorer() -> Any:
    # With stemming, as in the evaluation of Super-NaturalInstructions.
    return RougeScorer(["rougeL"], use_stemmer=True)


def rouge(text: str, word: str) -> float:
    """ROUGE-L of a generated text against the gold answer: F-measure in [0, 1]."""
    return float(_scorer().score(word, text)["rougeL"].fmeasure)


def _read(file: Path, arm: Arm) -> Finished:
    document = files.read_json(file, schema=SCHEMA)
    try:
        answers = tuple(
            Answer(**row | {
                "version": Version(row["version"]), "setting": Setting(row["setting"]),
                "tested": Form(row["tested"]),
            })
            for row in document["answers"]
        )
        seconds = float(document["seconds"])
    except (KeyError, TypeError, ValueError) as error:
        raise MismatchError(
            f"{file} is no finished training ({error}); remove it, and it is trained again"
        ) from error
    return Finished(arm=arm, answers=answers, seconds=seconds)
