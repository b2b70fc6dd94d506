"""Constrained generation: the tokens that may come next, by llguidance.

vLLM uses the same library (see `server/engines/vllm_command.py`), so that both engines read schemas
and grammars alike.
"""

import threading
from typing import Any

import torch
from llguidance import LLMatcher, LLTokenizer, grammar_from

from robustness.errors import InputError
from robustness.models.checkpoint import Checkpoint
from robustness.types import Constraint

_FLEXIBLE: Any = {"whitespace_flexible": True}
"""vLLM's default: a model may write JSON on several lines."""


def _grammar(constraint: Constraint) -> str:
    """A constraint in llguidance's format."""
    if constraint.kind == "json":
        made: str = LLMatcher.grammar_from_json_schema(str(constraint.value), defaults=_FLEXIBLE)
    elif constraint.kind == "choice":
        made = grammar_from("choice", list(constraint.value))  # type: ignore[arg-type]
    else:
        made = grammar_from(constraint.kind, str(constraint.value))
    return made


class Constraints:
    """Compiles constraints for the tokenizer of one model. Safe to share among threads."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        """Reads the vocabulary with the first constraint.

        Args:
            checkpoint: The model, whose end tokens may follow a complete text.
        """
        self._checkpoint = checkpoint
        self._vocabulary: LLTokenizer | None = None
        self._lock = threading.Lock()

    def start(self, constraint: Constraint) -> "Constrained":
        """The state of a text that is generated under a constraint.

        Raises:
            InputError: The constraint is malformed, too complex, or the tokenizer cannot have any.
        """
        try:
            grammar = _grammar(constraint)
        except ValueError as error:
            raise _malformed(constraint, error) from error
        matcher = LLMatcher(self._read(), grammar, log_level=0)
        if matcher.is_error():
            raise _malformed(constraint, matcher.get_error())
        return Constrained(matcher)

    def _read(self) -> LLTokenizer:
        with self._lock:
            if self._vocabulary is None:
                backend: Any = getattr(self._checkpoint.tokenizer, "backend_tokenizer", None)
                if backend is None:
                    raise InputError(
                        f"the tokenizer of {self._checkpoint.id} has no fast form, which "
                        "constrained generation needs; leave the constraint out"
                    )
                self._vocabulary = LLTokenizer(
                    backend.to_str(), eos_token=sorted(self._checkpoint.stops)
                )
            return self._vocabulary


class Constrained:
    """Which tokens may come next in one text."""

    def __init__(self, matcher: LLMatcher) -> None:
        """Takes llguidance's state of an empty text."""
        self._matcher = matcher

    @property
    def complete(self) -> bool:
        """Whether nothing may follow."""
        stopped: bool = self._matcher.is_stopped()
        return stopped

    def limited(self, logits: torch.Tensor) -> torch.Tensor:
        """Logits (V,) with minus infinity at every token that may not come next.

        Raises:
            InputError: The constraint turned out to be too complex.
        """
        # One byte a token of the tokenizer: 200 where it may come, else 0.
        bias = torch.frombuffer(bytearray(self._matcher.compute_logit_bias()), dtype=torch.uint8)
        self._check()
        # A model may have more rows of logits than its tokenizer has tokens.
        allowed = torch.zeros(logits.shape[0], dtype=torch.bool)
        width = min(len(bias), len(allowed))
        allowed[:width] = bias[:width] > 0
        return logits.masked_fill(~allowed, -torch.inf)

    def add(self, token: int) -> None:
        """Adds a token to the text."""
        self._matcher.consume_token(token)
        self._check()

    def _check(self) -> None:
        if self._matcher.is_error():
            said = str(self._matcher.get_error()).partition("\n")[0]
            raise InputError(f"the text cannot follow its constraint: {said}")


_NAMES = {"json": "the JSON schema", "regex": "the regular expression"}


def _malformed(constraint: Constraint, reason: object) -> InputError:
    what = _NAMES.get(constraint.kind, f"the {constraint.kind}")
    # What follows the first paragraph is the library's own state.
    said = " ".join(str(reason).partition("<state>")[0].split())
    return InputError(f"{what} that the text must follow cannot be used: {said}")
