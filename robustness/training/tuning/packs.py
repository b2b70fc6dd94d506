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
    """Sequences as a trie of T nodes, with A predictions."""

    ids: torch.Tensor
    """(T,) int64."""
    positions: torch.Tensor
    """(T,) int64: depths."""
    visible: torch.Tensor
    """(T, T) bool: whether a node sees another."""
    at: torch.Tensor
    """(A,) int64: node that predicts."""
    wanted: torch.Tensor
    """(A,) int64: token that is predicted."""
    weights: torch.Tensor
    """(A,) float32."""
    owners: torch.Tensor
    """(A,) int64: number of the sequence."""
    names: tuple[str, ...]
    """Of the sequences."""


def pack(sequences: Sequence[Sequenced]) -> Pack:
    """The trie of some sequences."""
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
        ids=torch.tensor(tokens), positions=torch.from_numpy(depths),
        visible=torch.from_numpy(visible), at=torch.tensor(at), wanted=torch.tensor(wanted),
        weights=torch.tensor(weights, dtype=torch.float32), owners=torch.tensor(owners),
        names=tuple(s.name for s in sequences),
    )


def predictions(model: torch.nn.Module, made: Pack, device: torch.device) -> torch.Tensor:
    """Log-probabilities at every prediction, (A, V) float32; the head is applied only there."""
    dtype = next(model.parameters()).dtype
    hidden = made.visible.logical_not().to(device)
    mask = torch.zeros(hidden.shape, dtype=dtype, device=device)
    mask.masked_fill_(hidden, torch.finfo(dtype).min)
    llama: torch.nn.Module = model.model  # type: ignore[assignment]
    head: torch.nn.Module = model.lm_head  # type: ignore[assignment]
    states = llama(
        input_ids=made.ids[None].to(device), position_ids=made.positions[None].to(device),
        attention_mask=mask[None, None], use_cache=False,
    ).last_hidden_state[0]
    logits: torch.Tensor = head(states[made.at.to(device)])
    return logits.float().log_softmax(-1)
