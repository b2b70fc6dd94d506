"""How well foreign texts are told from instructions, on texts that no rule was fitted to.

    python benchmarks/foreign.py [--prefix NAME]

Foreign: the held-out third of the chat requests, other languages, gibberish, and instructions for
other tasks, 20 for each task. Valid: shipped paraphrases, 24 for each task, and 12 lines of such
that have no placeholder, as if somebody had typed them. The rules are fitted to
unobserved-calibration, unobserved-development and to the other two thirds of the foreign texts.
The rules by words and characters come first, and then those with the sentence encoder, if it is
installed (pip install -r requirements-encoder.txt, and backbone fetch).
"""

import argparse
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score
from table import Line, hold, save

from robustness import paths
from robustness.cli import open as opening
from robustness.data import foreign as foreign_texts
from robustness.data import instructions, tasks, user_instruction
from robustness.data.foreign import Part
from robustness.data.tasks import Task
from robustness.index import observed_index, representations, saved_index
from robustness.index.observed_index import ObservedIndex
from robustness.models.engine import Engine
from robustness.models.load_options import PLAIN, PromptFormat
from robustness.models.sentence_encoder import installed
from robustness.prediction import degradation
from robustness.prediction.degradation import calibration, judging
from robustness.prediction.degradation.predictor import Calibration, Point
from robustness.prediction.degradation.support import Judge
from robustness.prediction.degradation.support_fitting import ForeignPoint
from robustness.stats.intervals import wilson
from robustness.types import Instruction, TaskSource

EACH = 24
"""Paraphrases of each task."""
_DRAWS = 1000
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """The score of one text, and whether the predictor gives a number for it."""

    kind: str
    text: str
    task: str
    score: float
    answered: bool


def sample(names: Sequence[str], *, each: int = EACH, seed: int = 0) -> list[Instruction]:
    """Shipped paraphrases of each task, and lines of them as typed instructions."""
    every = instructions.builtin(instructions.PARAPHRASES)
    made = []
    for name in names:
        rng = random.Random(f"{seed} {name}")
        own = [i for i in every if i.task == name]
        taken = rng.sample(own, min(each, len(own)))
        made += taken
        lines = [text for text, task in foreign_texts.typed_lines(every) if task == name]
        made += [
            user_instruction.instruction(t, taken[0].task_type, name)
            for t in rng.sample(lines, min(each // 2, len(lines)))
        ]
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What was read of valid and of foreign texts, for one calibration."""

    index: ObservedIndex
    calibration: Calibration
    folder: Path
    valid: list[Point]
    foreign: list[ForeignPoint]


def read(
    engine: Engine, model: str, known: Sequence[Task], *, each: int = EACH, seed: int = 0
) -> Read:
    """Reads valid and foreign texts on their tasks."""
    spec = representations.model_info(engine, model).spec
    folder = observed_index.folder_of(spec, paths.INDEXES)
    index = saved_index.load(folder, spec)
    fitted = degradation.load(folder, index)
    assert fitted is not None and fitted.support is not None
    names = [t.id for t in known if t.id in index.tasks and index.tasks[t.id].own]
    valid = calibration.evidence_on_tasks(
        engine, model, index, sample(names, each=each, seed=seed), known
    )
    foreign = calibration.measure_foreign(
        engine, model, index, known, Part.HELD_OUT, seed=seed
    )
    return Read(
        index=index, calibration=fitted, folder=folder, valid=valid, foreign=foreign
    )


def scores(found: Read, judge: Judge) -> dict[TaskSource, list[Scored]]:
    """Scores the texts for each source of the task."""
    fitted = found.calibration
    made: dict[TaskSource, list[Scored]] = {}
    for source, tier in (
        (TaskSource.GIVEN, "given, 16 unlabelled inputs"),
        (TaskSource.INPUTS, "inputs, 8 unlabelled inputs"),
        (TaskSource.INFERRED, "inferred, distance"),
    ):
        def scored(kind: str, point: Point, source: TaskSource = source, tier: str = tier) -> None:
            _, clues, seen = fitted.cases(point)[tier]
            said = judge.score(source, point.text, point.task, clues, seen)
            number = fitted.estimate(source, clues, seen).degradation is not None
            made.setdefault(source, []).append(
                Scored(
                    kind=kind, text=point.text, task=point.task,
                    score=float("nan") if said is None else said,
                    answered=number and (said is None or said >= 0),
                )
            )

        for point in found.valid:
            scored("valid", point)
        for strange in found.foreign:
            if source is TaskSource.GIVEN or str(strange.text.kind) != "other task":
                scored(str(strange.text.kind), strange.point)
    return made


def figures(rows: Sequence[Scored], *, seed: int = 0) -> dict[str, Any]:
    """AUROC and abstentions with 95% intervals: texts are resampled, shares are Wilson's."""
    score = np.array([r.score for r in rows])
    valid = np.array([r.kind == "valid" for r in rows])
    answered = np.array([r.answered for r in rows])
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(_DRAWS):
        picked = np.concatenate([
            rng.choice(np.flatnonzero(valid), valid.sum()),
            rng.choice(np.flatnonzero(~valid), (~valid).sum()),
        ])
        drawn.append(roc_auc_score(valid[picked], score[picked]))
    low, high = np.quantile(drawn, [0.025, 0.975])

    def share(of: npt.NDArray[np.bool_]) -> dict[str, float]:
        found = wilson(int((~answered[of]).sum()), int(of.sum()))
        return {"n": int(of.sum()), "share": found.value, "low": found.low, "high": found.high}

    kinds = sorted({r.kind for r in rows} - {"valid"})
    return {
        "auroc": float(roc_auc_score(valid, score)), "auroc_low": float(low),
        "auroc_high": float(high), "abstained_valid": share(valid),
        "abstained_foreign": share(~valid),
        "abstained_by_kind": {
            k: share(np.array([r.kind == k for r in rows])) for k in kinds
        },
    }


def lines(document: dict[str, Any]) -> list[Line]:
    """The lines for the table of all benchmarks: of the worst source of the task."""
    auroc = min(document.values(), key=lambda f: f["auroc"])
    refused = max((f["abstained_valid"] for f in document.values()), key=lambda f: f["share"])
    count = sum(auroc[of]["n"] for of in ("abstained_valid", "abstained_foreign"))
    return [
        Line(
            claim="valid paraphrases and foreign texts: AUROC, worst source", peer="none",
            ratio=auroc["auroc"], low=auroc["auroc_low"], high=auroc["auroc_high"],
            count=count, of="texts", bound="foreign texts",
        ),
        Line(
            claim="valid paraphrases without a number, worst source", peer="none",
            ratio=refused["share"], low=refused["low"], high=refused["high"],
            count=refused["n"], of="texts", bound="foreign, abstained",
        ),
    ]


def _told(made: dict[TaskSource, list[Scored]]) -> dict[str, Any]:
    return {str(source): figures(rows) for source, rows in made.items()}


def main() -> None:
    """Prints the figures for each source of the task."""
    parser = argparse.ArgumentParser(description="Foreign texts told from instructions")
    parser.add_argument("--prefix", default=None, help="an adapter that ships; by default none")
    arguments = parser.parse_args()
    prefixes = [] if arguments.prefix is None else [Path(arguments.prefix)]
    engine = opening.engine_of(str(paths.BACKBONE), prefixes, PromptFormat.AUTO, PLAIN)
    known = [tasks.builtin(t.id) for t in tasks.listed()]
    texts = read(engine, engine.models()[-1].id, known)
    document = _told(scores(texts, Judge(texts.index, texts.calibration)))
    print(json.dumps(document, indent=1))
    fitted = texts.calibration.support
    if fitted and fitted.encoded and installed(fitted.encoded.name, fitted.encoded.layers):
        encoded = judging.judge(texts.index, texts.calibration, texts.folder)
        print(f"with {fitted.encoded.name}, of which {fitted.encoded.layers} layers are used:")
        print(json.dumps(_told(scores(texts, encoded)), indent=1))
    found = lines(document)
    save("foreign", found)
    hold(found)


if __name__ == "__main__":
    main()
