from robustness.types import CompletionChunk, TokenLogprob
from server.documents import ChatForm, TextForm

HALF = "\N{REPLACEMENT CHARACTER}"


def piece(chat: bool, tokens: tuple[TokenLogprob, ...]) -> dict:
    form = (ChatForm if chat else TextForm)("m", logprobs=True)
    made = form.piece(0, CompletionChunk(text="x", logprobs=tokens), 5)
    return made.model_dump(exclude_unset=True, warnings=False)["choices"][0]["logprobs"]


def test_of_two_tokens_with_one_text_the_most_probable_is_shown() -> None:
    token = TokenLogprob(token=HALF, logprob=-1.0, top=((HALF, -1.0), ("a", -2.0), (HALF, -3.0)))
    assert piece(False, (token,))["top_logprobs"] == [{HALF: -1.0, "a": -2.0}]


def test_offsets_go_on_where_the_text_before_ended() -> None:
    tokens = (TokenLogprob(token="ab", logprob=-1.0), TokenLogprob(token="c", logprob=-1.0))
    assert piece(False, tokens)["text_offset"] == [5, 7]


def test_a_part_of_a_character_has_no_known_bytes() -> None:
    tokens = (TokenLogprob(token=HALF, logprob=-1.0), TokenLogprob(token="é", logprob=-1.0))
    assert [t["bytes"] for t in piece(True, tokens)["content"]] == [None, [195, 169]]
