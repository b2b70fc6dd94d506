"""Paraphrases instructions into a collection file, with a report of the refused candidates.

Instructions of the unobserved-test collection are not paraphrased, so that no training data derives
from them. The report holds no times: equal offline runs write identical files.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from robustness import __version__
from robustness.data import instructions
from robustness.data.instructions import UNOBSERVED_DEVELOPMENT, UNOBSERVED_TEST
from robustness.errors import InputError
from robustness.paraphrasing import llm_paraphraser, rule_based
from robustness.paraphrasing.candidate_filter import CandidateFilter, Entails, Ground, Refusal
from robustness.paraphrasing.defaults import CANDIDATES, PER_INSTRUCTION
from robustness.paraphrasing.token_cost import Bill, Prices, bill
from robustness.storage import files
from robustness.types import Instruction

if TYPE_CHECKING:
    from robustness.paraphrasing.chat_endpoint import Endpoint

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class RuleBased:
    """Paraphrases made by rules, without a model."""

    seed: int = 0
    most: int = PER_INSTRUCTION
    """Largest number of paraphrases that are kept for one instruction."""

    @property
    def name(self) -> str:
        """As it is reported."""
        return f"offline paraphraser, seed {self.seed}"

    def proposals(
        self, source: Instruction, options: Sequence[str]
    ) -> Iterator[Instruction]:
        """See `rule_based.proposals`."""
        return rule_based.proposals(source, options, self.seed, self.most)


@dataclass(frozen=True, slots=True)
class ModelBased:
    """Paraphrases made by a chat model behind an address."""

    endpoint: "Endpoint"
    candidates: int = CANDIDATES
    """Replies to each prompt."""
    most: int | None = None
    """Largest number of paraphrases that are kept for one instruction; None: all that pass."""

    @property
    def name(self) -> str:
        """As it is reported."""
        return f"{self.endpoint.model} at {self.endpoint.url}"

    def proposals(
        self, source: Instruction, options: Sequence[str]
    ) -> Iterator[Instruction]:
        """See `llm_paraphraser.proposals`."""
        return llm_paraphraser.proposals(self.endpoint, source, candidates=self.candidates)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The requests that paraphrasing would send, in numbers."""

    made_by: str
    """Name of the paraphraser."""
    sources: int
    """Number of instructions to paraphrase."""
    requests: int
    """Number of requests at most; 0 without a model."""
    known: int
    """Number of these whose replies an earlier run kept on disk."""
    characters: int
    """Total length of the messages that are still to be sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A refused candidate."""

    of: str
    """Id of the instruction that it paraphrases."""
    text: str
    made_by: str
    ground: Ground
    reason: str
    times: int
    """How often the same text was proposed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Summary of the paraphrases that were written."""

    out: Path
    """The collection file."""
    report: Path
    made_by: str
    sources: int
    """Number of instructions that were paraphrased."""
    kept: int
    """Number of paraphrases that were written."""
    without: int
    """Number of instructions without any valid paraphrase."""
    left: Mapping[str, int]
    """Ground -> number of candidates refused for it."""
    bill: Bill | None = None


def checked(sources: Sequence[Instruction]) -> list[Instruction]:
    """The instructions to paraphrase, without repetitions.

    Raises:
        InputError: There are none, or one belongs to unobserved-test.
    """
    found = {i.id: i for i in sources}
    if not found:
        raise InputError("there is nothing to paraphrase; name a collection, or give --text")
    for one in found.values():
        if one.collection == UNOBSERVED_TEST:
            raise InputError(
                f"the instruction {one.id} belongs to {UNOBSERVED_TEST}, which nothing may be made "
                f"from; use {UNOBSERVED_DEVELOPMENT}"
            )
    return list(found.values())


def kept_apart(own: Sequence[Instruction]) -> list[Instruction]:
    """Instructions that no paraphrase may be a near-duplicate of.

    Args:
        own: Instructions that the user keeps apart, besides both shipped unobserved collections.
    """
    shipped = (UNOBSERVED_DEVELOPMENT, UNOBSERVED_TEST)
    return [*(i for name in shipped for i in instructions.builtin(name)), *own]


def plan(sources: Sequence[Instruction], maker: RuleBased | ModelBased) -> Plan:
    """Counts the requests that paraphrasing would send; sends none."""
    asked: list[tuple[str, int]] = []
    if isinstance(maker, ModelBased):
        asked = [
            (message, candidate)
            for source in sources
            for message, _, candidate in llm_paraphraser.requests(
                source, candidates=maker.candidates
            )
        ]
        new = [m for m, candidate in asked if not maker.endpoint.knows(m, candidate)]
    else:
        new = []
    return Plan(
        made_by=maker.name, sources=len(sources), requests=len(asked),
        known=len(asked) - len(new), characters=sum(map(len, new)),
    )


def write(
    sources: Sequence[Instruction],
    maker: RuleBased | ModelBased,
    out: Path,
    *,
    answer_spaces: Mapping[str, Sequence[str]],
    apart: Sequence[Instruction] = (),
    entails: Entails | None = None,
    observed: bool = False,
    prices: Prices | None = None,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> Receipt:
    """Paraphrases instructions, and writes the valid paraphrases and a report.

    Args:
        sources: The instructions, see `checked`.
        maker: The paraphraser.
        out: The collection file; the report is `NAME.report.json` beside it.
        answer_spaces: Task -> canonical options, where they are the same for all inputs.
        apart: Instructions to stay away from, see `kept_apart`.
        entails: A judge of meaning, or None.
        observed: Whether the paraphrases are marked as observed (for `index add`).
        prices: Prices of the model's tokens.
        on_progress: Called after each instruction with (what, done, total).

    Raises:
        InputError: No candidate is valid (the report says why), or see `Endpoint.ask`.
        EngineError: See `Endpoint.ask`; replies so far are kept, and the same call resumes.
    """
    gate = CandidateFilter(sources, apart=apart, entails=entails)
    kept: list[tuple[str, Instruction]] = []
    left: list[Left] = []
    for done, source in enumerate(sources, start=1):
        passed, refused = _paraphrased(
            gate, source, maker, tuple(answer_spaces.get(source.task or "", ()))
        )
        kept += [(source.id, replace(made, observed=observed)) for made in passed]
        left += refused
        if on_progress is not None:
            on_progress("paraphrasing", done, len(sources))
    cost = None
    if isinstance(maker, ModelBased):
        asked = maker.endpoint
        cost = bill(asked.now, asked.all, retries=asked.retries, kept=len(kept), prices=prices)
    receipt = Receipt(
        out=out, report=out.with_suffix(".report.json"), made_by=maker.name, sources=len(sources),
        kept=len(kept), without=len(sources) - len({of for of, _ in kept}),
        left=dict(Counter(str(row.ground) for row in left)),
        bill=cost,
    )
    _save(receipt, kept, left, entails)
    return receipt


def _paraphrased(
    gate: CandidateFilter, source: Instruction, maker: RuleBased | ModelBased,
    options: tuple[str, ...],
) -> tuple[list[Instruction], list[Left]]:
    """The valid paraphrases of one instruction, and its refused candidates, each text once."""
    refused: dict[str, list[tuple[Instruction, Refusal]]] = defaultdict(list)
    passed = gate.through(
        source, maker.proposals(source, options), options=options, most=maker.most,
        on_left=lambda made, refusal: refused[made.text].append((made, refusal)),
    )
    left = [
        Left(
            of=source.id, text=text, made_by=rows[0][0].source, ground=rows[0][1].ground,
            reason=rows[0][1].reason, times=len(rows),
        )
        for text, rows in refused.items()
    ]
    return passed, left


def _save(
    receipt: Receipt, kept: Sequence[tuple[str, Instruction]], left: Sequence[Left],
    entails: Entails | None,
) -> None:
    document = {
        "schema": SCHEMA, "version": __version__, "made_by": receipt.made_by,
        "entailment": None if entails is None else {
            "model": entails.name, "threshold": entails.threshold,
        },
        "sources": receipt.sources, "without": receipt.without, "bill": receipt.bill,
        "kept": [{"of": of, "id": made.id, "made_by": made.source} for of, made in kept],
        "left": left,
    }
    files.write_json(receipt.report, document)
    if not kept:
        raise InputError(
            f"no paraphrase of {receipt.sources} instructions is valid; {receipt.report} says why"
        )
    instructions.write_collection(receipt.out, [made for _, made in kept])
