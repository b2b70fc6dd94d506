"""What vLLM offers beyond reading and sampling, with the transformers engine's values."""

import re

import pytest

from robustness.errors import InputError
from robustness.types import Constraint, GenerationSettings

CONSTRAINTS = (
    Constraint(kind="choice", value=("the garden", "a kitchen", "a kitchen table", "é")),
    Constraint(kind="regex", value="[0-9]{3}"),
    Constraint(kind="grammar", value='start: "ab" ("c" | "cc") "d"'),
    Constraint(
        kind="json",
        value='{"type": "object", "properties": {"a": {"enum": [1, 2]}}, "required": ["a"],'
        ' "additionalProperties": false, "x-guidance": {"whitespace_flexible": false}}',
    ),
)
SETTINGS = (
    {"top_k": 3}, {"repetition_penalty": 1.5}, {"presence_penalty": 1.5},
    {"frequency_penalty": -1.0}, {"min_tokens": 8}, {"ignore_eos": True},
    {"allowed_token_ids": [100, 200]}, {"bad_words": [" the"]}, {"stop_token_ids": [261]},
)


@pytest.mark.parametrize("twice", ["computed", "from the cache"])
def test_a_prompts_own_tokens_have_the_same_log_probabilities(
    vllm, reference, model: str, asked, twice: str
) -> None:
    longest = max(asked, key=lambda p: len(p.text)).text
    for prompt in (longest, tuple(reference.checkpoint.tokenizer(longest).input_ids), (5,)):
        ours = vllm.prompt_logprobs(model, prompt, 3)
        theirs = reference.prompt_logprobs(model, prompt, 3)
        assert ours.text == theirs.text
        assert ours.tokens[0] == theirs.tokens[0]
        for one, other in zip(ours.tokens[1:], theirs.tokens[1:], strict=True):
            assert one.token == other.token
            assert one.logprob == pytest.approx(other.logprob, abs=1e-4)
            values = [v for _, v in other.top]
            assert [v for _, v in one.top] == pytest.approx(values, abs=1e-4)


@pytest.mark.parametrize("constraint", CONSTRAINTS, ids=lambda c: c.kind)
def test_a_constrained_text_is_the_same(
    vllm, reference, model: str, asked, gather, constraint: Constraint
) -> None:
    settings = GenerationSettings(max_tokens=30, logprobs=2, constraint=constraint)
    ours, theirs = (gather(e, model, asked[0].text, settings) for e in (vllm, reference))
    assert "".join(c.text for c in ours) == "".join(c.text for c in theirs)
    assert ours[-1].finish_reason == theirs[-1].finish_reason == "stop"
    pairs = [[t for c in chunks for t in c.logprobs] for chunks in (ours, theirs)]
    for one, other in zip(*pairs, strict=True):
        assert one.token == other.token
        assert one.logprob == pytest.approx(other.logprob, abs=1e-4)
        assert len(one.top) == len(other.top)


def test_a_constraint_that_is_none_is_the_clients_mistake(vllm, model: str, gather) -> None:
    wrong = Constraint(kind="regex", value="[")
    with pytest.raises(InputError, match="regular expression that the text must follow"):
        gather(vllm, model, "x", GenerationSettings(constraint=wrong))


def test_token_ids_are_read_as_they_are(vllm, reference, model: str, asked, gather) -> None:
    ids = tuple(reference.checkpoint.tokenizer(asked[0].text).input_ids)
    settings = GenerationSettings(max_tokens=8, logprobs=1)
    ours, text = gather(vllm, model, ids, settings), gather(vllm, model, asked[0].text, settings)
    assert "".join(c.text for c in ours) == "".join(c.text for c in text)
    theirs = gather(reference, model, ids, settings)
    assert (ours[-1].end is None) == (theirs[-1].end is None)
    if theirs[-1].end is not None:
        assert ours[-1].end.token == theirs[-1].end.token
        assert ours[-1].end.logprob == pytest.approx(theirs[-1].end.logprob, abs=1e-4)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("extra", SETTINGS, ids=lambda e: next(iter(e)))
def test_what_vllm_offers_is_offered_and_survived(
    vllm, model: str, asked, gather, extra: dict, temperature: float
) -> None:
    settings = GenerationSettings(
        max_tokens=12, temperature=temperature, seed=1, extra=extra, logprobs=1
    )
    if model.endswith("pt-kl") and "repetition_penalty" in extra:
        with pytest.raises(InputError, match="repetition_penalty: not offered with a prefix"):
            gather(vllm, model, asked[0].text, settings)
        return
    made = gather(vllm, model, asked[0].text, settings)
    tokens = [t.token for c in made for t in c.logprobs]
    decode = vllm._checkpoint.tokenizer.decode
    if "min_tokens" in extra:
        assert len(tokens) >= 8
    if "ignore_eos" in extra:
        assert made[-1].completion_tokens == 12 and made[-1].finish_reason == "length"
    if "allowed_token_ids" in extra:
        assert set(tokens) <= {decode([100]), decode([200])}
    if "bad_words" in extra:
        assert not re.search(r"\bthe\b", "".join(tokens))
    # It computes still.
    vllm._client.compute(30)


def test_a_top_k_of_one_is_the_most_probable_text(
    vllm, reference, model: str, asked, gather
) -> None:
    hot = GenerationSettings(max_tokens=8, temperature=2.0, seed=3, extra={"top_k": 1})
    greedy = gather(reference, model, asked[0].text, GenerationSettings(max_tokens=8))
    made = gather(vllm, model, asked[0].text, hot)
    assert "".join(c.text for c in made) == "".join(c.text for c in greedy)
