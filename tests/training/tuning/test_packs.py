from pathlib import Path

import torch
from transformers import LlamaForCausalLM

from robustness.training.tuning.packs import Sequenced, pack, predictions

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
    assert len(made.ids) == 4 + 1 + 2 + 2 + 5
    assert made.positions[:4].tolist() == [0, 1, 2, 3]
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

