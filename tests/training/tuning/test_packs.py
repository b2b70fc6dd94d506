from pathlib import Path

import torch
from transformers import LlamaForCausalLM

from robustness.training.tuning.packs import Sequenced, pack, predictions, together

CPU = torch.device("cpu")


def sequence(prompt: tuple[int, ...], answer: tuple[int, ...]) -> Sequenced:
    return Sequenced(prompt=prompt, answer=answer, weights=(1.0,) * len(answer), name="task")


SEQUENCES = [
    sequence((1, 10, 11, 12), (20, 2)),
    sequence((1, 10, 11, 12), (21, 22, 2)),
    sequence((1, 10, 13), (20, 2)),
    sequence((1, 14, 11, 12, 15), (20, 2)),
    # Another sequence's prompt and answer are its prompt.
    sequence((1, 10, 11, 12, 20), (23,)),
]


def test_a_start_that_sequences_share_is_one_path() -> None:
    made = pack(SEQUENCES)
    # 1 10 11 12 | 20 | 21 22 | 13 20 | 14 11 12 15 20: the last token of an answer is not read.
    assert made.ids.shape == (1, made.tokens) == (1, 4 + 1 + 2 + 2 + 5)
    assert made.positions[0, :4].tolist() == [0, 1, 2, 3]
    assert made.owners.tolist() == [0, 0, 1, 1, 1, 2, 2, 3, 3, 4]
    assert made.wanted.tolist() == [20, 2, 21, 22, 2, 20, 2, 20, 2, 23]


def test_a_packed_sequence_is_predicted_as_it_is_alone(tiny_llama: Path) -> None:
    model = LlamaForCausalLM.from_pretrained(tiny_llama, dtype=torch.float32).eval()
    made = pack(SEQUENCES)
    with torch.no_grad():
        found = predictions(model, made, CPU)
        for number, one in enumerate(SEQUENCES):
            ids = torch.tensor([[*one.prompt, *one.answer]])
            plain = model(input_ids=ids).logits[0, len(one.prompt) - 1 : -1].log_softmax(-1)
            torch.testing.assert_close(found[made.owners == number], plain, atol=2e-5, rtol=1e-4)


def test_packs_that_are_read_together_are_predicted_as_alone(tiny_llama: Path) -> None:
    model = LlamaForCausalLM.from_pretrained(tiny_llama, dtype=torch.float32).eval()
    packs = [pack(SEQUENCES[:2]), pack(SEQUENCES), pack(SEQUENCES[3:4])]
    made = together(packs)
    assert made.ids.shape == (3, 14)
    assert made.tokens == sum(one.tokens for one in packs)
    assert made.owners.max() + 1 == len(made.names) == 8
    assert made.wanted.tolist() == [n for one in packs for n in one.wanted.tolist()]
    with torch.no_grad():
        alone = torch.cat([predictions(model, one, CPU) for one in packs])
        torch.testing.assert_close(predictions(model, made, CPU), alone, atol=2e-5, rtol=1e-4)
