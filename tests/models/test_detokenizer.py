from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from robustness import paths
from robustness.models.detokenizer import Transcript, held_back
from robustness.types import GenerationSettings, TokenLogprob


class Letters:
    """A token is a byte."""

    def __init__(self) -> None:
        self.decoded = 0

    def decode(self, ids: list[int], **_: object) -> str:
        self.decoded += len(ids)
        return bytes(ids).decode(errors="replace")


class Slow:
    """A tokenizer of transformers without the backend of the tokenizers library."""

    def __init__(self, tokenizer: Any) -> None:
        self.decode = tokenizer.decode


TEXT = "Café, naïve: 漢字 and 🙂🙃!\n  Two  spaces , an end."


@pytest.fixture(scope="module", params=["embedded", "byte level", "sentencepiece"])
def tokenizer(request: pytest.FixtureRequest, tiny_llama: Path) -> Any:
    """Byte-level tokenizers, and one with spaces as characters and bytes for what is unknown."""
    if request.param != "sentencepiece":
        embedded = request.param == "embedded"
        return AutoTokenizer.from_pretrained(paths.BACKBONE if embedded else tiny_llama)
    bytes_ = [f"<0x{number:02X}>" for number in range(256)]
    letters = set("▁" + TEXT.replace(" ", "▁")) - set("漢🙂🙃")
    vocabulary = ["<unk>", "</s>", *bytes_, *sorted(letters)]
    made = Tokenizer(
        models.BPE({t: n for n, t in enumerate(vocabulary)}, [], byte_fallback=True)
    )
    made.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    made.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
         decoders.Strip(" ", 1, 0)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=made, eos_token="</s>")


@pytest.mark.parametrize("slow", [False, True])
def test_pieces_are_whole_characters_and_together_what_decoding_at_once_gives(
    tokenizer: Any, slow: bool
) -> None:
    ids = tokenizer(TEXT, add_special_tokens=False).input_ids
    end = tokenizer.eos_token_id
    for cut in range(1, len(ids) + 1):
        transcript = Transcript(Slow(tokenizer) if slow else tokenizer, 3, GenerationSettings())
        made = [p.text for t in [*ids[:cut], end] if (p := transcript.add(t)) is not None]
        assert not any("\N{REPLACEMENT CHARACTER}" in piece for piece in made)
        made.append(transcript.end("length").text)
        want = tokenizer.decode(
            ids[:cut], skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        # A run of bytes with half a character at its end is no text at all to some tokenizers.
        if "\N{REPLACEMENT CHARACTER}" not in want:
            assert "".join(made) == want
    assert "".join(made) == want and len(made) > len(ids) / 3


def test_a_stop_string_before_half_a_character_at_the_end_is_found() -> None:
    class Chunks(Letters):
        def decode(self, ids: list[int], **_: object) -> str:
            return b"".join([b"no ", b"STOP\xf0"][n] for n in ids).decode(errors="replace")

    transcript = Transcript(Chunks(), 3, GenerationSettings(stop=("STOP",)))
    made = [transcript.add(token) for token in (0, 1)]
    assert [piece.text for piece in made if piece] == ["no "]
    last = transcript.end("length")
    assert (last.text, last.finish_reason, transcript.stopped) == ("", "stop", True)


def test_half_a_character_at_the_end_is_shown_as_what_it_is() -> None:
    transcript = Transcript(Letters(), 3, GenerationSettings())
    assert [transcript.add(token) is None for token in "aé".encode()[:-1]] == [False, True]
    assert transcript.end("length").text == "\N{REPLACEMENT CHARACTER}"


def test_work_grows_with_the_number_of_tokens_and_not_with_its_square(tokenizer: Any) -> None:
    letters = Letters()
    transcript = Transcript(letters, 3, GenerationSettings())
    for token in b"abcd" * 100:
        transcript.add(token)
    assert letters.decoded < 400 * 6

    class Counted:
        backend_tokenizer = tokenizer.backend_tokenizer
        calls = 0

        def decode(self, ids: list[int], **options: Any) -> str:
            self.calls += 1
            return tokenizer.decode(ids, **options)

    counted = Counted()
    transcript = Transcript(counted, 3, GenerationSettings())
    for token in tokenizer("word " * 50).input_ids:
        transcript.add(token)
    assert transcript.end("length").completion_tokens > 50
    assert counted.calls == 1


def test_bytes_that_make_no_character_do_not_end_the_text(tokenizer: Any) -> None:
    vocabulary = tokenizer.get_vocab()
    if "<0x41>" not in vocabulary:
        pytest.skip("bytes are no tokens here")
    ids = [vocabulary[t] for t in ("a", "<0x41>", "<0xE4>", "n", "d")]
    transcript = Transcript(tokenizer, 3, GenerationSettings())
    made = [p.text for t in ids if (p := transcript.add(t)) is not None]
    assert "".join(made).startswith("aA") and "".join(made).endswith("nd")


def pieces(text: str, settings: GenerationSettings) -> list[str]:
    transcript = Transcript(Letters(), 3, settings)
    made = [transcript.add(token) for token in text.encode()]
    return [piece.text for piece in made if piece is not None]


def test_the_beginning_of_a_stop_string_is_held_back() -> None:
    assert held_back("yes\n", ("\n\n",)) == 1
    assert held_back("yes", ("\n\n", "s!")) == 1
    assert held_back("yes", ()) == 0


def test_a_stop_string_ends_the_text_before_it() -> None:
    transcript = Transcript(Letters(), 3, GenerationSettings(stop=("STOP",)))
    made = [transcript.add(token) for token in b"no STOP"]
    assert "".join(p.text for p in made if p) == "no "
    assert transcript.stopped
    assert made[-1].finish_reason == "stop"


def test_half_a_character_waits_for_the_rest() -> None:
    assert pieces("é!", GenerationSettings()) == ["é", "!"]


def test_log_probabilities_wait_with_the_text() -> None:
    transcript = Transcript(Letters(), 3, GenerationSettings(stop=("ab",)))
    first = TokenLogprob(token="a", logprob=-1.0)
    assert transcript.add(ord("a"), first) is None
    made = transcript.add(ord("c"), TokenLogprob(token="c", logprob=-2.0))
    assert made.text == "ac"
    assert [t.token for t in made.logprobs] == ["a", "c"]
    last = transcript.end("length")
    assert (last.text, last.finish_reason, last.prompt_tokens, last.completion_tokens) == (
        "", "length", 3, 2
    )
