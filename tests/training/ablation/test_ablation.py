"""Methods of alignment compared at miniature size, on both families."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from robustness.data.tasks import Task
from robustness.errors import CorruptFileError, InputError, MismatchError
from robustness.models.load_options import Loading
from robustness.storage import files
from robustness.training.ablation import Ablation, Subject, measure, report, run
from robustness.training.ablation.measure import Part
from robustness.training.ablation.plan import rates_of, sizes_of
from robustness.training.ablation.report import RunResult
from robustness.training.backbone import ablation as table
from robustness.training.backbone import card_markdown
from robustness.types import Instruction, TaskType
from tests.training.alignment.test_align import EXAMPLES, OBSERVED, OPTIONS, PARAPHRASES, made

CPU = Loading(device="cpu")
pytestmark = [
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning"),
    pytest.mark.slow,
]

DEVELOPMENT = [
    made(f"{text} {{text}}", collection="unobserved-development", observed=False)
    for text in ("Food or sport?", "Which is it, food or sport:")
]
TEST = [made("Pick food or sport: {text}", collection="unobserved-test", observed=False)]
SIZES = (
    ("virtual_tokens", 4), ("instances", 2), ("paraphrases", 2), ("eval_cells", 6), ("warmup", 1),
    ("eval_every", 2),
)


def subject(model: Path) -> Subject:
    task = Task(
        id="topic", title="Topic", task_type=TaskType.BC, description="Food or sport.",
        fields=("text",), options=OPTIONS, source="written", trained=False,
        examples=tuple(replace(e, split="test") for e in EXAMPLES[:5]),
    )
    strange = replace(task, id="strange")  # Nothing is observed for it: it is left out.
    unseen = replace(DEVELOPMENT[0], task="strange", id="")
    known: list[Instruction] = [*OBSERVED, *PARAPHRASES, *DEVELOPMENT, unseen, *TEST]
    return Subject(
        model=str(model), tasks=[task, strange], examples=EXAMPLES[5:], instructions=known,
    )


def plan(out: Path, **values: object) -> Ablation:
    small = {
        "seeds": (1,), "steps": 2, "inputs": 4, "free": 2, "sizes": SIZES
    }
    return Ablation(out=out, **{**small, **values})  # type: ignore[arg-type]


def test_an_ablation_compares_every_method_and_goes_on_without_repeating(
    tiny_llama: Path, tmp_path: Path
) -> None:
    chosen = plan(tmp_path, methods=("ft+kl", "pt+kl", "deep+kl", "lora+kl"), seeds=(1, 2))
    told: list[str] = []
    summary = run(
        chosen, subject(tiny_llama), loading=CPU,
        on_progress=lambda what, done, total: told.append(what),
    )
    assert [m["method"] for m in summary["methods"]] == list(chosen.methods)
    for method in summary["methods"]:
        assert method["seeds"] == [1, 2] and method["seconds"] > 0
        for name in ("observed", "unobserved-development"):
            found = method["sets"][name]
            gain = found["accuracy"] - summary["original"][name]["accuracy"]
            assert found["difference"]["value"] == pytest.approx(gain)
            assert found["difference"]["low"] <= found["difference"]["value"]
        assert "unobserved-test" not in method["sets"]
        assert method["sets"]["unobserved-development"]["distance"] > 0
    assert summary["best_input_prefix"]["method"] == "pt+kl"
    assert any("training" in what for what in told)
    assert not list(tmp_path.glob("ft-kl-*/*.safetensors"))
    assert (tmp_path / "pt-kl-2" / "adapter_model.safetensors").is_file()
    assert not (tmp_path / "held-out.json").exists()
    rows = pd.read_csv(tmp_path / "summary.csv")
    assert len(rows) == 4 * 3 * 2
    assert rows.free_difference.notna().all()
    text = (tmp_path / "summary.md").read_text()
    assert "| deep+kl | development |" in text and "Best input prefix on development: pt+kl" in text

    told.clear()
    (tmp_path / "lora-kl-2" / "observed.npz").unlink()
    again = run(
        chosen, subject(tiny_llama), loading=CPU,
        on_progress=lambda what, done, total: told.append(what),
    )
    assert told == ["lora+kl seed 2: observed"]
    assert again["methods"] == summary["methods"]


def test_an_encoder_decoder_model_goes_through_it_and_unobserved_test_is_asked_once(
    tiny_t5: Path, tmp_path: Path
) -> None:
    chosen = plan(tmp_path, methods=("ft", "lora+kl", "pt"), held_out=True, keep_weights=True)
    summary = run(chosen, subject(tiny_t5), loading=CPU)
    for method in summary["methods"]:
        assert method["sets"]["unobserved-test"]["distance"] is not None
    asked = files.read_json(tmp_path / "held-out.json", schema=1)["asked"]
    assert len(asked) == 1 and asked[0]["methods"] == ["ft", "lora+kl", "pt"]
    assert (tmp_path / "ft-1" / "model.safetensors").is_file()
    for folder in ("ft-1", "lora-kl-1"):
        record = files.read_json(tmp_path / folder / "training.json")
        assert record["selected_by"] == "development"
        assert "test" not in record["counts"]


def test_another_ablation_in_the_folder_is_refused_by_what_differs(
    tiny_llama: Path, tmp_path: Path
) -> None:
    run(plan(tmp_path, methods=("lora",)), subject(tiny_llama), loading=CPU)
    with pytest.raises(MismatchError, match="different steps"):
        run(plan(tmp_path, methods=("lora",), steps=3), subject(tiny_llama), loading=CPU)
    other = subject(tiny_llama)
    fewer = replace(other, instructions=[i for i in other.instructions if i not in DEVELOPMENT[1:]])
    with pytest.raises(MismatchError, match="different data"):
        run(plan(tmp_path, methods=("lora",)), fewer, loading=CPU)


def test_what_cannot_be_compared_is_refused_at_once(tiny_llama: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="method 'adapter' is unknown"):
        plan(tmp_path, methods=("adapter",))
    known = subject(tiny_llama)
    bare = replace(
        known, instructions=[i for i in known.instructions if "development" not in i.collection]
    )
    with pytest.raises(InputError, match="collection unobserved-development"):
        run(plan(tmp_path), bare, loading=CPU)
    with pytest.raises(InputError, match="free is -1"):
        plan(tmp_path, free=-1)
    with pytest.raises(InputError, match="no key 'seed'"):
        sizes_of(["seed=3"])
    with pytest.raises(InputError, match="METHOD=VALUE"):
        rates_of(["pt"])
    assert dict(sizes_of(["virtual_tokens=8", "lambda_=0.5"])) == {
        "virtual_tokens": 8, "lambda_": 0.5
    }
    (tmp_path / "x.npz").write_bytes(b"PK")
    with pytest.raises(CorruptFileError, match="remove it"):
        measure.load(tmp_path / "x.npz")


def part(correct: list[list[int]], means: list[list[float]]) -> Part:
    table = np.array(correct, dtype=bool)
    return Part(correct=table, means=np.array(means, dtype=np.float32), free=table[:, :1])


def test_the_summary_is_the_arithmetic_of_its_cells() -> None:
    near = {"a": part([[1, 1], [1, 1]], [[0.0, 0.0], [3.0, 0.0]])}
    before = {"observed": near, "unobserved-development": {
        "a": part([[1, 0], [0, 0]], [[0.0, 4.0], [3.0, 1.0]])}}
    after = {"observed": near, "unobserved-development": {
        "a": part([[1, 1], [1, 0]], [[0.0, 2.0], [3.0, 1.0]])}}
    made = report.summarise(before, [
        RunResult(method="pt+kl", seed=1, seconds=3.0, best_step=2, sets=after),
        RunResult(method="pt+kl", seed=2, seconds=5.0, best_step=4, sets=before),
    ])
    stood = made["original"]["unobserved-development"]
    assert (stood["accuracy"], stood["worst_tenth"], stood["distance"]) == (25.0, 0.0, 2.5)
    assert stood["std"] == pytest.approx(np.std([50, 0], ddof=1))
    (method,) = made["methods"]
    found = method["sets"]["unobserved-development"]
    assert (found["accuracy"], found["difference"]["value"]) == (50.0, 25.0)
    assert (found["distance"], method["seconds"]) == (2.0, 4.0)
    assert (stood["free"], found["free"], found["free_difference"]["value"]) == (50.0, 75.0, 25.0)
    assert [one["best_step"] for one in method["each"]] == [2, 4]
    assert method["each"][0]["sets"]["unobserved-development"]["difference"]["value"] == 50.0
    assert made["best_input_prefix"] == {
        "method": "pt+kl", "seed": 1, "development_accuracy": 75.0
    }


def test_the_card_shows_a_comparison_of_its_own_weights_only() -> None:
    cells = {"a": part([[1, 0], [0, 0]], [[0.0, 4.0], [3.0, 1.0]])}
    sets = {"observed": cells, "unobserved-development": cells}
    summary = files.plain(
        report.summarise(
            sets, [RunResult(method="lora", seed=1, seconds=1.0, best_step=1, sets=sets)]
        )
        | {"weights": "abc", "inputs": 2, "free": 1, "steps": 3, "settings": {"virtual_tokens": 4},
           "provenance": {"command": "python -m robustness ablation --out x"},
           "rates": {"lora": 0.01}, "dtype": "bfloat16"}
    )
    assert summary["best_input_prefix"] is None
    shown = card_markdown.compared({"ablation": summary, "weights": "abc"})
    assert "\n".join(table.lines(summary)) in "\n".join(shown)
    assert "| lora | observed |" in "\n".join(shown)
    assert "Made with `python -m robustness ablation --out x`." in "\n".join(shown)
    assert "virtual_tokens 4, learning rate 0.01 for lora, read in bfloat16" in "\n".join(shown)
    other = "\n".join(card_markdown.compared({"ablation": summary, "weights": "xyz"}))
    assert "belongs to other weights (`abc`)" in other and "| lora |" not in other
    assert "Not measured." in card_markdown.compared({"ablation": None, "weights": "abc"})
