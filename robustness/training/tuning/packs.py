"""Packs sequences that share their first tokens into one row, as a trie.

    start of the chat - instruction A - input 1 - answer
                      |               - input 2 - answer
                      - instruction B - input 1 - answer

Every node is one token, read once however many sequences it begins. It sees the nodes on the way
from the root to itself and no others, and its position is its depth, so that each sequence has the
hidden states that it would have alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequenced:
    """One sequence: a prompt and its answer."""

    prompt: tuple[int, ...]
    """Token ids."""
    answer: tuple[int, ...]
    """Token ids, each of which is predicted."""
    weights: tuple[float, ...]
    """The weight of each of them in the loss."""
    name: str
    """Name under which its accuracy is reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """Sequences as a trie of T nodes, with A predictions; or B tries that are read together."""

    ids: torch.Tensor
    """(B, T) int64; shorter tries have zeros at the end."""
    positions: torch.Tensor
    """(B, T) int64: depths."""
    visible: torch.Tensor
    """(B, T, T) bool: whether a node sees another; one at the end of a shorter trie sees itself."""
    at: torch.Tensor
    """(A,) int64: node that predicts, counted through all B x T."""
    wanted: torch.Tensor
    """(A,) int64: token that is predicted."""
    weights: torch.Tensor
    """(A,) float32."""
    owners: torch.Tensor
    """(A,) int64: number of the sequence."""
    names: tuple[str, ...]
    """Of the sequences."""
    tokens: int
    """Nodes of all tries."""


def pack(sequences: Sequence[Sequenced]) -> Pack:
    """The trie of some sequences, B = 1."""
    known: dict[tuple[int, int], int] = {}
    tokens: list[int] = []
    parents: list[int] = []
    at: list[int] = []
    wanted: list[int] = []
    weights: list[float] = []
    owners: list[int] = []
    for number, sequence in enumerate(sequences):
        # The last token is predicted, never read.
        ids = (*sequence.prompt, *sequence.answer)[:-1]
        first = len(sequence.prompt) - 1
        node = -1
        for place, token in enumerate(ids):
            found = known.get((node, token))
            if found is None:
                found = known[node, token] = len(tokens)
                tokens.append(token)
                parents.append(node)
            node = found
            if place >= first:
                at.append(node)
        wanted += sequence.answer
        weights += sequence.weights
        owners += [number] * len(sequence.answer)
    visible = np.eye(len(tokens), dtype=bool)
    depths = np.zeros(len(tokens), dtype=np.int64)
    for node, parent in enumerate(parents):
        # A parent comes before its children, so its own row is complete.
        if parent >= 0:
            visible[node] |= visible[parent]
            depths[node] = depths[parent] + 1
    return Pack(
        ids=torch.tensor([tokens]), positions=torch.from_numpy(depths)[None],
        visible=torch.from_numpy(visible)[None], at=torch.tensor(at), wanted=torch.tensor(wanted),
        weights=torch.tensor(weights, dtype=torch.float32), owners=torch.tensor(owners),
        names=tuple(s.name for s in sequences), tokens=len(tokens),
    )


def together(packs: Sequence[Pack]) -> Pack:
    """Packs of one trie each as one of B tries, whose predictions are in the same order."""
    longest = max(one.tokens for one in packs)
    padded = torch.eye(longest, dtype=torch.bool).repeat(len(packs), 1, 1)
    for own, one in zip(padded, packs, strict=True):
        own[: one.tokens, : one.tokens] = one.visible[0]
    before = np.cumsum([0, *(len(one.names) for one in packs)])
    return Pack(
        ids=pad_sequence([one.ids[0] for one in packs], batch_first=True),
        positions=pad_sequence([one.positions[0] for one in packs], batch_first=True),
        visible=padded,
        at=torch.cat([one.at + n * longest for n, one in enumerate(packs)]),
        wanted=torch.cat([one.wanted for one in packs]),
        weights=torch.cat([one.weights for one in packs]),
        owners=torch.cat([one.owners + int(n) for n, one in zip(before, packs, strict=False)]),
        names=tuple(name for one in packs for name in one.names),
        tokens=sum(one.tokens for one in packs),
    )


def predictions(model: torch.nn.Module, made: Pack, device: torch.device) -> torch.Tensor:
    """Log-probabilities at every prediction, (A, V) float32; the head is applied only there."""
    dtype = next(model.parameters()).dtype
    hidden = made.visible.to(device).logical_not()
    mask = torch.zeros(hidden.shape, dtype=dtype, device=device)
    mask.masked_fill_(hidden, torch.finfo(dtype).min)
    llama: torch.nn.Module = model.model  # type: ignore[assignment]
    head: torch.nn.Module = model.lm_head  # type: ignore[assignment]
    states = llama(
        input_ids=made.ids.to(device), position_ids=made.positions.to(device),
        attention_mask=mask[:, None], use_cache=False,
    ).last_hidden_state
    logits: torch.Tensor = head(states.flatten(0, 1)[made.at.to(device)])
    return logits.float().log_softmax(-1)
