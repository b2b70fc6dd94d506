from robustness.models.detokenizer import Transcript, held_back
from robustness.types import GenerationSettings, TokenLogprob


class Letters:
    """A token is a byte."""

    def decode(self, ids: list[int], **_: object) -> str:
        return bytes(ids).decode(errors="replace")


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
