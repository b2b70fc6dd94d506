"""Alignment training on a random Llama: the loss falls, resuming repeats, the backbone stays."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from robustness import cli
from robustness.data import instructions
from robustness.data.prompts import fill
from robustness.data.tasks import Task
from robustness.errors import InputError, MismatchError
from robustness.models import chat_formats
from robustness.models import checkpoint as checkpoints
from robustness.models.model_registry import Served
from robustness.paraphrasing.rule_based import paraphrase
from robustness.storage import files
from robustness.training.alignment import data, development, groups, prefix, user_tasks
from robustness.training.alignment.data import Collections
from robustness.training.alignment.development import Score
from robustness.training.alignment.forward import Forward
from robustness.training.alignment.groups import Group
from robustness.training.alignment.recipe import METHODS, AlignRecipe
from robustness.training.alignment.train import AlignProgress, train
from robustness.training.alignment.trainee import Trainee
from robustness.training.alignment.update import accumulate
from robustness.types import Example, Instruction, TaskType

pytestmark = [
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning"),
    pytest.mark.slow,
]

OPTIONS = ("food", "sport")
WORDS = ("lamp", "kitchen", "story", "red", "music", "travel", "person", "office")


def made(text: str, **values: object) -> Instruction:
    fixed = {"collection": "observed", "task_type": TaskType.BC, "task": "topic", "observed": True}
    return Instruction(text=text, **{**fixed, **values})  # type: ignore[arg-type]


OBSERVED = [
    made("Is this sentence about food or sport?\n{text}\nAnswer:"),
    made("Name the topic of the sentence, food or sport.\n{text}"),
    made(
        "Say yes if it is about food and no if not.\n{text}\n",
        label_words={"food": "yes", "sport": "no"},
    ),
]
EXAMPLES = [
    Example(
        task="topic", fields={"text": f"The {a} and the {b} {OPTIONS[n % 2]}."}, options=OPTIONS,
        answer=OPTIONS[n % 2], split="dev" if n % 4 == 3 else "train",
    )
    for n, (a, b) in enumerate((a, b) for a in WORDS for b in WORDS)
]
PARAPHRASES = paraphrase(OBSERVED, 1, per_instruction=6, answer_spaces={"topic": OPTIONS})
COLLECTIONS = Collections(observed=OBSERVED, paraphrases=PARAPHRASES)


def recipe(out: Path, **values: object) -> AlignRecipe:
    small = {
        "virtual_tokens": 4, "steps": 8, "instances": 2, "paraphrases": 3, "rows_per_pass": 4,
        "eval_every": 4, "eval_cells": 12, "warmup": 2, "learning_rate": 1e-2, "held_out": 0.3,
    }
    return AlignRecipe(out=out, **{**small, **values})  # type: ignore[arg-type]


def run(
    chosen: AlignRecipe, model: Path, collections: Collections = COLLECTIONS
) -> list[AlignProgress]:
    seen: list[AlignProgress] = []
    train(
        chosen, model=model, on_progress=seen.append, examples=EXAMPLES, collections=collections,
        device="cpu",
    )
    return seen


def digest(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def test_the_loss_falls_and_the_backbone_does_not_change(tiny_llama: Path, tmp_path: Path) -> None:
    before = digest(tiny_llama)
    chosen = recipe(tmp_path, steps=120, eval_every=20, patience=9, learning_rate=3e-2)
    seen = run(chosen, tiny_llama)
    assert seen[-1].loss < 0.85 * seen[0].loss
    assert digest(tiny_llama) == before
    loaded = checkpoints.load(tiny_llama, device="cpu")
    weights = {n: p.clone() for n, p in loaded.model.named_parameters()}
    chosen = recipe(tmp_path / "x")
    material = data.gather(
        chosen, loaded, examples=EXAMPLES, collections=COLLECTIONS, nltk_data=None
    )
    peft = prefix.create(loaded, virtual_tokens=4, hidden=None, seed=1)
    accumulate(
        Forward(loaded), material.pool.step(0, 2, 3), lambda: prefix.table(peft),
        lambda_=0.8, rows_per_pass=4,
    )
    assert all(p.grad is not None for p in prefix.parameters(peft))
    for name, parameter in loaded.model.named_parameters():
        assert parameter.grad is None and torch.equal(parameter, weights[name])


def test_the_result_is_a_peft_adapter_with_card_curve_and_provenance(
    tiny_llama: Path, tmp_path: Path
) -> None:
    run(recipe(tmp_path), tiny_llama)
    names = {f.name for f in tmp_path.iterdir()}
    assert names == {*prefix.ADAPTER_FILES, "training.json", "loss.csv"}
    PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny_llama), tmp_path)
    record = files.read_json(tmp_path / "training.json", schema=1)
    assert record["recipe"]["method"] == "pt+kl" and "out" not in record["recipe"]
    assert record["selected_by"] == "held_out"
    assert set(record["after"]) == set(record["before"]) == {"observed", "held_out"}
    assert record["provenance"]["seed"] == 1
    assert str(tmp_path) not in (tmp_path / "training.json").read_text()
    assert "tiny-llama" in (tmp_path / "README.md").read_text()
    assert pd.read_csv(tmp_path / "loss.csv")["step"].tolist() == [4, 8]


def test_a_killed_training_goes_on_to_the_same_result(tiny_llama: Path, tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    def kill(progress: AlignProgress) -> None:
        if progress.step == 4:
            raise Killed

    whole, parts = recipe(tmp_path / "whole"), recipe(tmp_path / "parts")
    run(whole, tiny_llama)
    with pytest.raises(Killed):
        train(
            parts, model=tiny_llama, on_progress=kill, examples=EXAMPLES, collections=COLLECTIONS,
            device="cpu",
        )
    assert [f.name for f in parts.out.iterdir()] == ["checkpoint.pt"]
    assert [p.step for p in run(parts, tiny_llama)] == [8]
    name = "adapter_model.safetensors"
    assert (whole.out / name).read_bytes() == (parts.out / name).read_bytes()


def test_a_checkpoint_of_another_recipe_is_refused_by_name(
    tiny_llama: Path, tmp_path: Path
) -> None:
    def kill(progress: AlignProgress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(
            recipe(tmp_path), model=tiny_llama, on_progress=kill, examples=EXAMPLES,
            collections=COLLECTIONS, device="cpu",
        )
    with pytest.raises(MismatchError, match=r"different recipe.*remove it"):
        run(recipe(tmp_path, lambda_=0.5), tiny_llama)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_trains(method: str, tiny_llama: Path, tmp_path: Path) -> None:
    before = digest(tiny_llama)
    seen = run(recipe(tmp_path, method=method, steps=4, learning_rate=None), tiny_llama)
    assert (seen[-1].divergence > 0) == method.endswith("+kl")
    assert digest(tiny_llama) == before
    if method.startswith("ft"):
        assert digest(tmp_path) != before
        checkpoints.load(tmp_path, device="cpu")


def test_an_encoder_decoder_model_is_aligned_too(tiny_t5: Path, tmp_path: Path) -> None:
    seen = run(recipe(tmp_path, steps=4), tiny_t5)
    assert seen[-1].divergence > 0
    loaded = checkpoints.load(tiny_t5, device="cpu")
    assert checkpoints.load_prefix("p", tmp_path, loaded).table.shape == (4, 32)


def test_passes_of_any_size_and_recomputed_activations_give_the_same_gradient(
    tiny_llama: Path, tmp_path: Path
) -> None:
    gradients = []
    for rows, recompute in ((100, False), (3, False), (5, True)):
        loaded = checkpoints.load(tiny_llama, device="cpu")
        loaded.model.double()
        material = data.gather(
            recipe(tmp_path), loaded, examples=EXAMPLES, collections=COLLECTIONS, nltk_data=None
        )
        forward = Forward(loaded, gradient_checkpointing=recompute)
        peft = prefix.create(loaded, virtual_tokens=4, hidden=None, seed=1)
        peft.prompt_encoder.double()
        accumulate(
            forward, material.pool.step(0, 2, 3), lambda peft=peft: prefix.table(peft),
            lambda_=0.8, rows_per_pass=rows,
        )
        gradients.append([p.grad for p in prefix.parameters(peft)])
    for other in gradients[1:]:
        torch.testing.assert_close(other, gradients[0])


def test_only_phrasings_with_equal_answers_share_a_group(tiny_llama: Path, tmp_path: Path) -> None:
    loaded = checkpoints.load(tiny_llama, device="cpu")
    material = data.gather(
        recipe(tmp_path), loaded, examples=EXAMPLES, collections=COLLECTIONS, nltk_data=None
    )
    answers = set()
    for step in range(12):
        for group in material.pool.step(step, 2, 3):
            assert 1 <= len(group.paraphrases) <= 3
            assert {p.answer for p in group.paraphrases} == {group.reference.answer}
            answers.add(group.reference.answer)
    assert len(answers) > 2
    assert material.pool.step(3, 2, 3) == material.pool.step(3, 2, 3)


def test_training_stops_early_and_keeps_the_best(tiny_llama: Path, tmp_path: Path) -> None:
    stuck = recipe(tmp_path, steps=40, eval_every=1, patience=2, learning_rate=1e-12)
    seen = run(stuck, tiny_llama)
    record = files.read_json(tmp_path / "training.json")
    assert seen[-1].step < 40
    assert record["best_step"] <= seen[-1].step - 2


def test_an_update_that_costs_observed_accuracy_is_selected_only_where_all_do() -> None:
    def rank(observed: float, held_out: float, surprise: float = 1.0) -> tuple[float, ...]:
        scores = {
            "observed": Score(accuracy=observed, cross_entropy=1.0, cells=9),
            "held_out": Score(accuracy=held_out, cross_entropy=surprise, cells=9),
        }
        return development.rank(scores, "held_out", {"accuracy": 0.9}, 0.5)

    worst_to_best = [
        rank(0.89, 0.7), rank(0.85, 0.8), rank(0.896, 0.6), rank(0.95, 0.6, 0.5), rank(0.9, 0.7)
    ]
    assert sorted(worst_to_best) == worst_to_best
    only = {"held_out": Score(accuracy=0.7, cross_entropy=1.0, cells=9)}
    assert development.rank(only, "held_out", None, 0.5) == (True, 0.7, -1.0)


def test_the_callers_development_set_selects_and_is_reported(
    tiny_llama: Path, tmp_path: Path
) -> None:
    own = [made("Food or sport? {text}", collection="unobserved-development", observed=False)]
    run(recipe(tmp_path, steps=4), tiny_llama, replace(COLLECTIONS, development=own))
    record = files.read_json(tmp_path / "training.json")
    assert record["selected_by"] == "development"
    assert record["counts"]["development"] == 1


def test_the_command_takes_collections_and_a_labelled_table(
    tiny_llama: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["text,answer,split", *(f"{e.fields['text']},{e.answer},{e.split}" for e in EXAMPLES)]
    (tmp_path / "topic.csv").write_text("\n".join(lines), encoding="utf-8")
    for name, rows in (("observed", OBSERVED), ("paraphrases", PARAPHRASES)):
        instructions.write_collection(tmp_path / f"{name}.jsonl", rows)
    out = tmp_path / "prefix"
    with pytest.raises(SystemExit) as ended:
        cli.main([
            "align", "--model", str(tiny_llama), "--tasks", str(tmp_path / "topic.csv"),
            "--observed", str(tmp_path / "observed.jsonl"),
            "--paraphrases", str(tmp_path / "paraphrases.jsonl"), "--steps", "2",
            "--instances", "1", "--group", "2", "--virtual-tokens", "4", "--weight-decay", "0.01",
            "--learning-rate", "0.002", "--out", str(out),
        ])
    assert not ended.value.code, capsys.readouterr().err
    record = files.read_json(out / "training.json")
    assert record["recipe"]["paraphrases"] == 2 and record["recipe"]["weight_decay"] == 0.01
    assert record["recipe"]["learning_rate"] == 0.002
    assert record["counts"]["inputs"] == sum(e.split == "train" for e in EXAMPLES)
    kept, _ = groups.hold_out(groups.by_task(PARAPHRASES), 0.15, 1)
    assert record["counts"]["paraphrases"] == len(kept["topic"])


def test_unobserved_test_instructions_are_refused(tiny_llama: Path, tmp_path: Path) -> None:
    own = [made("Food or sport? {text}", collection="unobserved-test", observed=False)]
    with pytest.raises(InputError, match="unobserved-test"):
        run(recipe(tmp_path), tiny_llama, replace(COLLECTIONS, development=own))


def test_without_a_common_task_the_message_names_what_there_is(
    tiny_llama: Path, tmp_path: Path
) -> None:
    other = [replace(p, task="elsewhere", id="") for p in PARAPHRASES]
    with pytest.raises(InputError, match=r"inputs are for topic.*paraphrases for elsewhere"):
        run(recipe(tmp_path), tiny_llama, replace(COLLECTIONS, paraphrases=other))


def test_a_recipe_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="method 'loral' is unknown"):
        AlignRecipe(out=tmp_path, method="loral")
    with pytest.raises(InputError, match="steps is 0"):
        AlignRecipe(out=tmp_path, steps=0)


def test_held_out_paraphrases_are_never_trained_on() -> None:
    kept, held = groups.hold_out(groups.by_task(PARAPHRASES), 0.25, 7)
    assert held and not {i.id for i in held} & {i.id for i in kept["topic"]}
    assert len(held) + len(kept["topic"]) == len(PARAPHRASES)


def test_what_is_trained_on_is_what_is_served(tiny_llama: Path, tmp_path: Path) -> None:
    loaded = checkpoints.load(tiny_llama, device="cpu")
    around = chat_formats.choose("wizardlm", "", loaded.tokenizer)
    material = data.gather(
        recipe(tmp_path), loaded, examples=EXAMPLES, collections=COLLECTIONS, nltk_data=None,
        prompt_format=around,
    )
    served = Served(loaded, prompt_format="wizardlm")
    filled = fill(OBSERVED[0], EXAMPLES[0])
    instance = material.pool.instance(OBSERVED[0], EXAMPLES[0])
    assert instance is not None
    assert list(instance.prompt) == served.reading(0, filled, None).ids
    assert list(instance.prompt) != Served(loaded).reading(0, filled, None).ids
    cells = [cell.prompt for cell in material.cells["observed"]]
    end = tuple(loaded.tokenizer("\n\n### Response:", add_special_tokens=False).input_ids)[-3:]
    assert all(prompt[-3:] == end for prompt in cells)


def test_a_prefix_is_served_in_the_format_that_it_was_trained_in(
    tiny_llama: Path, tmp_path: Path
) -> None:
    out = tmp_path / "p"
    train(
        recipe(out, steps=2), model=tiny_llama, on_progress=lambda _: None, examples=EXAMPLES,
        collections=COLLECTIONS, device="cpu", prompt_format="alpaca",
    )
    assert files.read_json(out / "training.json")["prompt_format"] == "alpaca"
    assert "the format `alpaca`" in (out / "README.md").read_text()
    loaded = checkpoints.load(tiny_llama, device="cpu")
    served = Served(loaded, {"p": out}, prompt_format="alpaca")
    assert [m.id for m in served.models()] == ["tiny-llama", "tiny-llama+p"]
    with pytest.raises(MismatchError, match=r"format alpaca.*reads them in the format none"):
        Served(loaded, {"p": out})
    (out / "training.json").unlink()
    assert len(Served(loaded, {"p": out}).models()) == 2, "nobody knows the format of others' work"


def task_of(*splits: str) -> Task:
    return Task(
        id="topic", title="t", task_type=TaskType.BC, description="d", fields=("text",),
        options=OPTIONS, source="written", trained=False,
        examples=tuple(replace(EXAMPLES[n], split=s) for n, s in enumerate(splits)),
    )


def test_an_own_task_is_never_trained_on_what_it_is_measured_on() -> None:
    halves = user_tasks.inputs(task_of(*["dev"] * 8, *["test"] * 8))
    assert [e.split for e in halves].count("train") == 6
    assert len(halves) == len({e.id for e in halves}) == 8
    marked = user_tasks.inputs(task_of(*["train"] * 4, "dev", *["test"] * 4))
    assert [e.split for e in marked] == [*["train"] * 4, "dev"]
    with pytest.raises(InputError, match="no labelled inputs to train on"):
        user_tasks.inputs(task_of(*["test"] * 8))


def test_phrasings_of_a_type_are_bound_to_the_task_and_paraphrased() -> None:
    task = task_of(*["dev"] * 8)
    general = [replace(OBSERVED[0], task=None, id=""), made("Any good? {review}", task=None)]
    _, found = user_tasks.gather([task], observed=general, paraphrases=None, seed=1)
    assert [(i.text, i.task) for i in found.observed or ()] == [(OBSERVED[0].text, "topic")]
    assert found.paraphrases and {p.task for p in found.paraphrases} == {"topic"}
    with pytest.raises(InputError, match="no observed instruction is for topic"):
        user_tasks.gather([task], observed=general[1:], paraphrases=None, seed=1)


def plainly(trainee: Trainee, drawn: Sequence[Group], lambda_: float) -> torch.Tensor:
    """The formula with PEFT's mine forward pass, an instance at a time."""
    total = torch.zeros((), dtype=torch.float64)
    for group in drawn:
        members = [group.reference, *group.paraphrases]
        count = len(members)
        logprobs = []
        for one in members:
            row = torch.tensor([[*one.prompt, *one.answer[:-1]]])
            out = trainee.peft(input_ids=row, attention_mask=torch.ones_like(row))
            logprobs.append(out.logits[0, -len(one.answer) :].log_softmax(-1))
        for one, mine in zip(members, logprobs, strict=True):
            total = total - (1 - lambda_) * mine[range(len(one.answer)), one.answer].sum() / count
        frozen = logprobs[0].detach()
        for mine in logprobs[1:]:
            total = total + lambda_ * (mine.exp() * (mine - frozen)).sum() / (count - 1)
    return total / len(drawn)


# The plain formula asks PEFT, which names the cache as before.
@pytest.mark.filterwarnings("ignore:`past_key_values` is deprecated")
@pytest.mark.parametrize("method", ["pt+kl", "deep+kl", "lora+kl"])
def test_every_adapters_gradient_is_that_of_the_plain_formula(
    method: str, tiny_llama: Path, tmp_path: Path
) -> None:
    loaded = checkpoints.load(tiny_llama, device="cpu")
    loaded.model.double()
    chosen = recipe(tmp_path, method=method)
    material = data.gather(
        chosen, loaded, examples=EXAMPLES, collections=COLLECTIONS, nltk_data=None
    )
    forward, trainee = Forward(loaded), Trainee(chosen, loaded)
    trainee.peft.double()
    with torch.no_grad():
        for parameter in trainee.parameters.values():
            parameter.add_(0.05)  # LoRA starts with half of its matrices at zero.
    drawn = material.pool.step(0, 2, 3)
    made = accumulate(forward, drawn, trainee.front, lambda_=0.8, rows_per_pass=3)
    found = [p.grad.clone() for p in trainee.parameters.values()]
    wanted = plainly(trainee, drawn, 0.8)
    # Llama's norms compute in single precision whatever the model's.
    assert made.total == pytest.approx(wanted.item(), rel=1e-6)
    gradients = torch.autograd.grad(wanted, list(trainee.parameters.values()))
    for one, other in zip(found, gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
