"""Judges whether two instructions mean the same with a natural-language-inference (NLI) model.

The user names the model. Only safetensors weights are loaded, and code from the model's repository
is never run.
"""

import re

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from robustness.data import prompts
from robustness.errors import EngineError, InputError, NotFoundError
from robustness.paraphrasing.defaults import ENTAILMENT_THRESHOLD

_LONGEST = 512
_LABELS = frozenset({"entailment", "entails", "entailed"})


class Entailment:
    """Implements `candidate_filter.Entails` with a transformers sequence-classification model."""

    def __init__(self, name: str, *, threshold: float = ENTAILMENT_THRESHOLD) -> None:
        """Loads the model.

        Args:
            name: A folder with a transformers model, or a name on the hub.
            threshold: Probability of entailment required in both directions, in (0, 1).

        Raises:
            NotFoundError: There is no such model.
            EngineError: The model cannot be loaded.
            InputError: The model has no entailment label, or the threshold is out of range.
        """
        if not 0.0 < threshold < 1.0:
            raise InputError(f"the entailment threshold is {threshold}; it lies between 0 and 1")
        self.name, self.threshold = name, threshold
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
            self._model = AutoModelForSequenceClassification.from_pretrained(
                name, use_safetensors=True, trust_remote_code=False, dtype=torch.float32
            ).eval()
        except OSError as error:
            raise NotFoundError(f"no NLI model {name!r}: {str(error).splitlines()[0]}") from error
        except (ValueError, KeyError) as error:
            raise EngineError(f"the NLI model {name!r} cannot be loaded: {error}") from error
        self._label = _entailing(name, self._model.config.id2label)

    def both_ways(self, first: str, second: str) -> float:
        """The smaller probability, over both directions, that one text entails the other."""
        a, b = _plain(first), _plain(second)
        # One pair at a time: no padding token is needed, and no batch can affect a probability.
        return min(self._entails(a, b), self._entails(b, a))

    def _entails(self, premise: str, hypothesis: str) -> float:
        batch = self._tokenizer(
            premise, hypothesis, truncation=True, max_length=_LONGEST, return_tensors="pt"
        )
        with torch.inference_mode():
            logits = self._model(
                input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]
            ).logits[0]
        return float(torch.softmax(logits.double(), dim=-1)[self._label])


def _plain(template: str) -> str:
    """A template as plain text: placeholders are replaced by their names."""
    named = re.sub(prompts.PLACEHOLDER, lambda m: m[1].replace("_", " "), template)
    return " ".join(named.split())


def _entailing(name: str, labels: dict[int, str]) -> int:
    """Index of the model's class that means entailment."""
    found = [number for number, label in labels.items() if str(label).casefold() in _LABELS]
    if len(found) != 1:
        raise InputError(
            f"the model {name!r} has the labels {', '.join(map(str, labels.values()))}, none of "
            "which is `entailment`; name an NLI model, or put its labels into id2label of its "
            "config.json"
        )
    return int(found[0])
