"""The tuned backbone that ships predicts on every machine by the index that ships for it."""

from pathlib import Path

import pytest

from robustness.data import instructions
from robustness.models import adapters
from robustness.models.load_options import PromptFormat
from robustness.models.transformers_engine import TransformersEngine
from robustness.workbench import Workbench

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def workbench(tuned_smollm2: Path) -> Workbench:
    """A workbench on the tuned backbone and the adapters that ship for it."""
    shipped = adapters.shipped(tuned_smollm2)
    return Workbench(
        TransformersEngine(
            tuned_smollm2, prefixes=shipped, device="cpu", prompt_format=PromptFormat.AUTO
        )
    )


@pytest.mark.parametrize("adapter", ["", "+lora-kl"])
def test_the_shipped_index_and_calibration_are_of_the_shipped_weights(
    adapter: str, workbench: Workbench
) -> None:
    model = workbench.original + adapter
    assert (model in workbench.aligned) == bool(adapter)
    observed = [
        i for i in instructions.builtin(instructions.OBSERVED)
        # A typed text lists its options in the format of every typed text.
        if i.task == "subjectivity" and not i.option_format
    ]
    assert len(observed) > 2
    for asked in observed:
        found = workbench.predict(
            asked.text, task="subjectivity", label_words=dict(asked.label_words), model=model
        )
        first, second = found.nearest[:2]
        assert first.instruction_id == asked.id
        # What another processor rounds is nothing beside the way to the next instruction.
        assert first.distance < second.distance / 20
    new = workbench.predict(
        "{text}\nDoes this state a fact or a view?", task="subjectivity", model=model
    )
    assert new.degradation is not None and new.low is not None and new.high is not None
    assert new.low <= new.degradation <= new.high
