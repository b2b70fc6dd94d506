"""Judges whether a text is an instruction for a task at all, before anything is predicted from it.

A rule is a logistic regression that tells valid paraphrases from foreign texts (chat requests,
instructions for other tasks, other languages, gibberish; see `robustness/data/foreign.py`) by

    the wording     similarity to the task's known wordings, to those of other tasks and to foreign
                    texts, words and characters (`wordings.NAMES`); the same by a sentence encoder
                    (`embeddings.NAMES`), if rules with one were fitted and this machine has it
    the distance    relative distance and percentile of the representation
    the answers     on a few unlabelled inputs: agreement, divergence, entropy, margin, probability
                    outside the options, and how much they vary with the input (`probes`)

Its threshold keeps nearly all valid paraphrases of the calibration set, cross-fitted. Reliance is
what accuracy loses under foreign texts: where that is nothing, the model does not read the
instruction. Rules are fitted in `support_fitting`.
"""

import math
from collections.abc import Collection, Sequence
from typing import Protocol

import numpy as np

from robustness.index.observed_index import ObservedIndex
from robustness.prediction.degradation.conformal import Floats
from robustness.prediction.degradation.distance import Evidence
from robustness.prediction.degradation.embeddings import Embeddings
from robustness.prediction.degradation.predictor import Calibration, Point, Rules
from robustness.prediction.degradation.probes import Probe
from robustness.prediction.degradation.wordings import FOREIGN, Known, Wordings, wording
from robustness.types import TaskSource

MOST = 5000
"""Number of observed wordings that are compared with, at most."""


class Comparison(Protocol):
    """Compares a wording with known ones; `Wordings` and `Embeddings` do."""

    def features(self, text: str, task: str | None, without: Collection[str] = ()) -> Floats:
        """(F,) features of one wording."""


def row(words: Floats, evidence: Evidence, probe: Probe, k: int) -> Floats:
    """The features of a rule: of the wording, of the distance and, where k is not 0, of answers.

    Args:
        words: (F,) features of the wording, of one comparison or of several.
        evidence: The distance evidence.
        probe: Answers on inputs.
        k: Number of inputs whose answers are used; 0: none.
    """
    distance = [math.log1p(evidence.relative), evidence.percentile / 100.0]
    answers = probe.features[k] if k else ()
    return np.array([*words, *distance, *answers], dtype=np.float64)


class Judge:
    """Judges texts for one index by the rules of its calibration."""

    def __init__(
        self, index: ObservedIndex, calibration: Calibration,
        embeddings: Embeddings | None = None,
    ) -> None:
        """Gathers the known wordings: the index's, the calibration set's and foreign ones.

        Args:
            index: The index.
            calibration: Its calibration.
            embeddings: Compares by a sentence encoder too; None: by words and characters alone.
        """
        support = calibration.support
        self._passed: tuple[tuple[Rules, tuple[Comparison, ...]], ...] = ()
        """The rules that a text has to pass, with what they compare by."""
        if support is None:
            return
        words = Wordings(known(index, calibration.points, support.foreign), support.named)
        if embeddings is None or support.encoded is None:
            self._passed = ((support.rules, (words,)),)
        else:
            both = (words, embeddings)
            self._passed = (
                (support.encoded.by_words, (words,)), (support.encoded.rules, both),
            )

    def inside(
        self, source: TaskSource, text: str, task: str, evidence: Evidence, probe: Probe | None
    ) -> bool:
        """Whether a text is judged to be an instruction; True where there is no rule.

        Args: As `score`.
        """
        score = self.score(source, text, task, evidence, probe)
        return score is None or score >= 0.0

    def score(
        self, source: TaskSource, text: str, task: str, evidence: Evidence, probe: Probe | None
    ) -> float | None:
        """The least score of the rules with the most answers; negative: foreign; None: no rule.

        Args:
            source: Source of the task.
            text: The instruction's text, a template or not.
            task: The task, where it was given.
            evidence: The distance evidence.
            probe: Answers on inputs; None: there are none.
        """
        if not evidence.usable:
            return None
        seen = probe or Probe()
        scores = []
        for rules, comparisons in self._passed:
            by_answers = rules.get(source, {})
            k = max((k for k in by_answers if k in seen.features), default=0)
            if k in by_answers:
                words = compare(comparisons, text, task if source is TaskSource.GIVEN else None)
                scores.append(by_answers[k].score(row(words, evidence, seen, k)))
        return min(scores, default=None)


def compare(
    comparisons: Sequence[Comparison], text: str, task: str | None, without: Collection[str] = ()
) -> Floats:
    """(F,) features of an instruction's wording by each comparison, one after another.

    Args:
        comparisons: What compares.
        text: The instruction's text, a template or not.
        task: The task that it is for; None: any.
        without: Ids of known wordings that are not compared with.
    """
    bare = wording(text)
    return np.concatenate([c.features(bare, task, without) for c in comparisons])


def known(
    index: ObservedIndex, points: Sequence[Point], foreign: Sequence[str]
) -> list[Known]:
    """The known wordings: observed ones, those of the calibration set, and foreign texts."""
    return [
        *observed(index),
        *(Known(text=wording(p.text), task=p.task, id=p.instruction_id) for p in points),
        *(Known(text=t, task=FOREIGN, id=t) for t in foreign),
    ]


def observed(index: ObservedIndex) -> list[Known]:
    """The wordings of the observed instructions, once for each task that they are for."""
    made: dict[tuple[str, str], Known] = {}
    for task, part in index.tasks.items():
        if part.own:
            for i in part.space.ids[:MOST]:
                text = wording(index.instructions[i].text)
                made[task, i] = Known(text=text, task=task, id=i)
    kept = list(made.values())
    step = max(1, math.ceil(len(kept) / MOST))
    return kept[::step]
