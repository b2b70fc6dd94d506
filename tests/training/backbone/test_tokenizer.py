import pytest
from transformers import PreTrainedTokenizerFast

from robustness.training.backbone import tokenizer


@pytest.fixture(scope="module")
def words() -> PreTrainedTokenizerFast:
    return tokenizer.train(["a good film\nis it good ?", "yes no answer"] * 20, 400, 64)


def test_a_word_is_one_token_wherever_it_stands(words: PreTrainedTokenizerFast) -> None:
    alone = words("good", add_special_tokens=False)["input_ids"]
    assert len(alone) == 1
    for text in ('"good"', "(Good)", "film\ngood", "is good."):
        assert alone[0] in words(text)["input_ids"], text


def test_prompt_and_answer_are_cut_as_their_joined_text(words: PreTrainedTokenizerFast) -> None:
    apart = (
        words("is it good? answer:")["input_ids"]
        + words("yes", add_special_tokens=False)["input_ids"]
    )
    assert words("is it good? answer: yes")["input_ids"] == apart


def test_unknown_letters_survive_and_byte_names_are_plain_text(
    words: PreTrainedTokenizerFast,
) -> None:
    assert (
        words.decode(words("漢 <0x41>")["input_ids"], skip_special_tokens=True).strip()
        == "漢 < 0 x 4 1 >"
    )


def test_the_chat_template_passes_a_lone_message_through(words: PreTrainedTokenizerFast) -> None:
    text = words.apply_chat_template([{"role": "user", "content": "is it good"}], tokenize=False)
    assert text == "is it good"
