"""Scores one checked row: predicts, and measures both models; each model reads its prompts at once.

Does not handle tables; see `batch.py`.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace

import numpy as np

from robustness.data import prompts
from robustness.index import representations
from robustness.models import evaluator
from robustness.models.evaluator import ShouldStop
from robustness.prediction import comparison
from robustness.prediction.catalog import Catalog
from robustness.prediction.predictor import Predictor
from robustness.prediction.query import Query
from robustness.scoring import scored_row
from robustness.scoring.rows import asked_inputs
from robustness.scoring.scored_row import ScoredRow
from robustness.stats import intervals, noise, significance
from robustness.types import Example, Prompt, Reading

_CHUNK = 512
"""Prompts between two calls of `should_stop`; the row of a built-in task is read at once."""
_SEED = 0
_NONE = np.empty(0, dtype=np.float32)
_MEASURED_ALONE = 2
"""Least number of labelled inputs for an interval and a test of the difference."""


def score_row(
    query: Query, catalog: Catalog, should_stop: ShouldStop | None = None
) -> ScoredRow:
    """Predicts for the original model, and compares it with the first aligned one.

    The original reads the prompts of the prediction and those of the comparison in one call; a
    prompt that is in both is read once.

    Raises:
        InputError: The text does not fit, or a prompt is too long.
        CancelledError: `should_stop` returned True.
        NotFoundError, EngineError: See `Engine.read`.
    """
    predictor = Predictor(catalog)
    wanted, asked = predictor.wanted(query), asked_inputs(query)
    filled = {e.id: prompts.fill(query.instruction, e) for e in _once([*wanted, *asked])}
    behind = {e.id for e in wanted}
    if query.inputs:
        should_stop = None  # one call a model is not long
    original = _read(catalog, catalog.original, filled, behind, should_stop)
    readings = None
    if wanted:
        readings = representations.gathered([original[e.id] for e in wanted])
    row = scored_row.predicted(predictor.predict(query, readings))
    if not asked:
        return row
    compared = {e.id: filled[e.id] for e in asked}
    found = [(catalog.original, original)]
    for model in catalog.compared[1:]:
        found.append((model, _read(catalog, model, compared, set(), should_stop)))
    if query.inputs:
        return _on_one_input(row, asked[0], filled[asked[0].id], found)
    return _on_task(row, asked, [readings for _, readings in found])


def _once(examples: Sequence[Example]) -> list[Example]:
    """The inputs without duplicates, which a task may have."""
    return list({e.id: e for e in examples}.values())


def _read(
    catalog: Catalog,
    model: str,
    filled: Mapping[str, Prompt],
    behind: Set[str],
    should_stop: ShouldStop | None,
) -> dict[str, Reading]:
    """A model's readings of prompts: id of the input -> reading.

    Args:
        catalog: Gives the engine.
        model: A served model id.
        filled: Id of an input -> prompt.
        behind: Ids of inputs whose representations are kept; the others' would fill the memory.
        should_stop: Called between chunks; True cancels.
    """
    done: dict[str, Reading] = {}
    readings = evaluator.read_prompts(
        catalog.engine, model, list(filled.values()), chunk=_CHUNK, should_stop=should_stop
    )
    for example_id, reading in zip(filled, readings, strict=True):
        done[example_id] = (
            reading if example_id in behind else replace(reading, representation=_NONE)
        )
    return done


def _on_one_input(
    row: ScoredRow, example: Example, prompt: Prompt,
    found: Sequence[tuple[str, Mapping[str, Reading]]],
) -> ScoredRow:
    made = comparison.compared(
        example, prompt, [(model, readings[example.id]) for model, readings in found]
    )
    outputs = [a.option for a in made.answers]
    row = replace(row, output_original=outputs[0])
    if len(outputs) > 1:
        row = replace(row, output_aligned=outputs[1], agree=made.agree)
    if example.answer is None:
        return row
    right = [100.0 * (o == example.answer) for o in outputs]
    row = replace(row, accuracy_original=right[0])
    if len(right) > 1:
        row = replace(row, accuracy_aligned=right[1], difference=right[1] - right[0])
    return row


def _on_task(
    row: ScoredRow, examples: Sequence[Example], found: Sequence[Mapping[str, Reading]]
) -> ScoredRow:
    """Adds both models' accuracies on a task's labelled inputs to a result."""
    answers = [
        [e.options[int(np.argmax(readings[e.id].option_logprobs))] for e in examples]
        for readings in found
    ]
    correct = [
        np.array([a == e.answer for a, e in zip(chosen, examples, strict=True)], dtype=np.bool_)
        for chosen in answers
    ]
    row = replace(row, accuracy_original=float(correct[0].mean()) * 100.0)
    if len(correct) == 1:
        return row
    original, aligned = correct
    loss = intervals.paired_bootstrap(
        aligned[None, :], original[None, :], rng=np.random.default_rng(_SEED)
    )
    row = replace(
        row, agree=float(np.mean([a == b for a, b in zip(*answers, strict=True)])),
        accuracy_aligned=float(aligned.mean()) * 100.0, difference=loss.value * 100.0,
    )
    if len(original) < _MEASURED_ALONE:
        return row
    floor = noise.floor(
        [np.asarray(aligned.astype(np.float64) - original)[None, :]], changed=None, seed=_SEED
    )
    return replace(
        row, difference_noise_floor=floor.value,
        difference_below_noise_floor=floor.below(loss.value * 100.0),
        difference_low=loss.low * 100.0, difference_high=loss.high * 100.0,
        p=significance.mcnemar(aligned, original),
    )
