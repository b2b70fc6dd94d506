"""Training on perturbed instructions: the training data, the answers, the saved files."""

import hashlib
import json
import random
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from transformers import AutoModelForCausalLM

from robustness.cli import main
from robustness.data import instructions, prompts, tasks
from robustness.data.tasks import Task
from robustness.errors import CancelledError, InputError, MismatchError
from robustness.models import checkpoint as checkpoints
from robustness.models.load_options import Loading
from robustness.training.perturbed import analysis, greedy, inputs
from robustness.training.perturbed.experiment import plan_of, train
from robustness.training.perturbed.plan import Plan, altered
from robustness.training.perturbed.recipe import START, Arm, Form, Recipe, Setting, Version
from robustness.training.perturbed.run import Experiment, Finished, rouge
from robustness.training.perturbed.values import Answer
from robustness.types import Instruction, TaskType

pytestmark = pytest.mark.slow

CPU = Loading(device="cpu")
SMALL = Recipe(instances=(2, 4), seeds=1, limit=4, epochs=1, batch=4)


@pytest.fixture(autouse=True)
def without_corpora(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STEADFAST_DATA", raising=False)


def planned(recipe: Recipe = SMALL) -> Plan:
    return plan_of(recipe, task_names=["scene_topic"], held_out=["scene_night"])


def digest(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def given(text: str, **values: object) -> Instruction:
    fixed = {"collection": "observed", "task_type": TaskType.MC, "task": "scene_topic"}
    return Instruction(text=text, **{**fixed, **values})  # type: ignore[arg-type]


def shown(version: Version, instruction: Instruction, task: Task) -> str:
    made = altered(version, instruction, task, seed=1)
    return prompts.fill(made, task.split("test")[0]).text


def test_versions_hold_what_the_paper_says_and_no_definition(topics: Task) -> None:
    instruction = given("Name the theme.\n{text}\n{options}\nTheme:", option_format="letters_dot")
    texts = {v: shown(v, instruction, topics) for v in Version}
    own = topics.split("test")[0].fields["text"]
    assert texts[Version.SIMPLIFIED].startswith(f"{own}\nOptions:\nA. ")
    assert texts[Version.EMPTY] == f"{own}\nAnswer:"
    for version in (Version.DELUSIVE, Version.CORRECT):
        assert texts[version].endswith(f"\n\n{own}\nAnswer:") and texts[version].count("\n\n") == 2
    assert all(("theme" in t.lower()) == (v is Version.ORIGINAL) for v, t in texts.items())


def test_delusive_examples_are_the_correct_ones_with_every_answer_wrong(topics: Task) -> None:
    given_text = given("Name it.\n{text}")
    pair = [shown(v, given_text, topics) for v in (Version.CORRECT, Version.DELUSIVE)]
    right, wrong = ([b.rsplit("Answer: ", 1) for b in t.split("\n\n")[:-1]] for t in pair)
    answers = {e.fields["text"]: e.answer for e in topics.examples}
    assert len(right) == 2
    for (text, answer), (same, other) in zip(right, wrong, strict=True):
        assert text == same and answer == answers[text.strip()] and other != answer


def test_inputs_are_nested_and_the_same_for_every_version_and_never_tested() -> None:
    plan = planned(replace(SMALL, instances=(2, 6), limit=30))
    few, many = (
        [p.example.id for p in plan.pairs(Arm(version=v, instances=n, seed=1))]
        for v, n in ((Version.EMPTY, 2), (Version.ORIGINAL, 6))
    )
    assert few == many[:2] and len(many) == 6
    other = plan.pairs(Arm(version=Version.EMPTY, instances=2, seed=2))
    assert [p.example.id for p in other] != few
    tested = {e.fields["text"] for e in tasks.builtin("scene_topic").split("test")}
    source = plan.sources[0]
    worked = {e.fields["text"] for e in source.task.examples}
    trained_on = {e.fields["text"] for e in source.inputs}
    assert worked and not worked & trained_on and not (worked | trained_on) & tested
    for cell in plan.cells:
        assert cell.example.split == "test" and not cell.instruction.observed
        assert cell.instruction.collection == instructions.UNOBSERVED_DEVELOPMENT


def test_tested_labels_are_balanced() -> None:
    found = inputs.balanced(tasks.builtin("scene_topic").split("test"), 23)
    counts = pd.Series([e.answer for e in found]).value_counts()
    assert len(found) == 20 and set(counts) == {4}


def test_the_plan_counts_what_is_done(tiny_llama: Path, tmp_path: Path) -> None:
    plan = planned(replace(SMALL, versions=(Version.EMPTY,)))
    outline = plan.outline()
    assert outline.trainings == 2 * 2
    # One epoch of 2 or 4 inputs, four an update.
    assert outline.updates == 4
    made = train(plan, tiny_llama, tmp_path, loading=CPU)
    assert outline.answers == len(pd.read_parquet(tmp_path / "records.parquet"))
    assert (made.trained, made.known) == (5, 0)


@pytest.mark.parametrize("family", ["tiny_llama", "tiny_t5"])
def test_both_families_are_trained_and_reported_and_stay_as_they_were(
    family: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    model = request.getfixturevalue(family)
    before = digest(model)
    recipe = replace(SMALL, instances=(16,), epochs=12, learning_rate=1e-2,
                     versions=(Version.ORIGINAL, Version.EMPTY))
    made = train(planned(recipe), model, tmp_path, loading=CPU)
    assert digest(model) == before
    for file in (tmp_path / "runs").glob("*-16-*.json"):
        losses = json.loads(file.read_text())["losses"]
        assert losses[-1] < 0.7 * losses[0]
    records = pd.read_parquet(tmp_path / "records.parquet")
    assert set(records["setting"]) == {str(s) for s in Setting}
    for row in made.found.rows:
        own = records[
            (records["version"] == row.version) & (records["instances"] == row.instances)
            & (records["setting"] == row.setting) & (records["tested"] == row.tested)
        ]
        assert row.exact.value == pytest.approx(100 * own["exact"].mean())
        assert row.rouge.value == pytest.approx(100 * own["rouge"].mean())
        assert row.exact.low <= row.exact.value <= row.exact.high
        assert (row.exact_loss is None) == (row.version is Version.ORIGINAL)
    guess = {g.setting: g.exact for g in made.found.guesses}
    assert guess == {Setting.INSTRUCTIONS: pytest.approx(20), Setting.TASKS: pytest.approx(50)}
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["model"] == model.name and str(tmp_path) not in json.dumps(summary["recipe"])
    tables = (tmp_path / "tables.md").read_text()
    assert "# Unseen instructions" in tables and "| random guess |" in tables
    page = (tmp_path / "report.html").read_text()
    assert "Plotly.newPlot" in page and 'src="http' not in page


def test_a_killed_run_goes_on_and_trains_nothing_twice(tiny_llama: Path, tmp_path: Path) -> None:
    plan = planned(replace(SMALL, versions=(Version.SIMPLIFIED, Version.DELUSIVE)))
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 9

    with pytest.raises(CancelledError, match="run the same command to resume"):
        train(plan, tiny_llama, tmp_path / "killed", loading=CPU, should_stop=stop)
    kept = {f.name: f.stat().st_mtime_ns for f in (tmp_path / "killed" / "runs").iterdir()}
    assert 0 < len(kept) < 7 and not (tmp_path / "killed" / "records.parquet").exists()
    made = train(plan, tiny_llama, tmp_path / "killed", loading=CPU)
    assert (made.known, made.trained) == (len(kept), 7 - len(kept))
    files = {f.name: f.stat().st_mtime_ns for f in (tmp_path / "killed" / "runs").iterdir()}
    assert len(files) == 7 and all(files[name] == when for name, when in kept.items())
    train(plan, tiny_llama, tmp_path / "whole", loading=CPU)
    whole, killed = (pd.read_parquet(tmp_path / n / "records.parquet") for n in ("whole", "killed"))
    pd.testing.assert_frame_equal(whole, killed)


def test_more_inputs_take_what_is_known_and_other_settings_do_not(
    tiny_llama: Path, tmp_path: Path
) -> None:
    first = replace(SMALL, instances=(2,), versions=(Version.EMPTY,))
    train(planned(first), tiny_llama, tmp_path, loading=CPU)
    more = train(
        planned(replace(first, instances=(2, 4))), tiny_llama, tmp_path, loading=CPU
    )
    assert (more.known, more.trained) == (3, 2)
    other = Experiment(
        planned(replace(first, learning_rate=1e-3)), tiny_llama, tmp_path, loading=CPU
    )
    assert other.known() == 1


def test_a_damaged_file_is_named(tiny_llama: Path, tmp_path: Path) -> None:
    plan = planned(replace(SMALL, instances=(2,), versions=()))
    train(plan, tiny_llama, tmp_path, loading=CPU)
    file = next((tmp_path / "runs").glob("start-*.json"))
    file.write_text(json.dumps({"schema": 1, "answers": [{"version": "original"}]}))
    with pytest.raises(MismatchError, match="remove it"):
        train(plan, tiny_llama, tmp_path, loading=CPU)


@pytest.mark.parametrize("family", ["tiny_llama", "tiny_t5"])
def test_answers_of_a_batch_are_those_of_transformers_one_by_one(
    family: str, request: pytest.FixtureRequest
) -> None:
    loaded = checkpoints.load(request.getfixturevalue(family), loading=CPU)
    rng = random.Random(0)
    rows = [[rng.randrange(3, 300) for _ in range(n)] for n in (5, 17, 9)]
    alone = []
    for row in rows:
        made = loaded.model.generate(
            input_ids=torch.tensor([row]), attention_mask=torch.tensor([[1] * len(row)]),
            do_sample=False, max_new_tokens=greedy.MOST_TOKENS, pad_token_id=loaded.end,
        )[0]
        written = made if loaded.encoder_decoder else made[len(row):]
        alone.append(loaded.tokenizer.decode(written, skip_special_tokens=True).strip())
    assert greedy.answers(loaded, rows) == alone


def test_what_does_not_fit_is_left_out_under_every_version(
    tiny_llama: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "short"
    plan = planned(replace(SMALL, limit=20, versions=(Version.SIMPLIFIED,)))
    tokenizer = checkpoints.load(tiny_llama, loading=CPU).tokenizer
    lengths = [
        max(
            len(tokenizer(prompts.fill(c.under(v), c.example).text)["input_ids"])
            for v in plan.recipe.versions
        )
        for c in plan.cells
    ]
    context = sorted(lengths)[len(lengths) // 2] + greedy.MOST_TOKENS
    model = AutoModelForCausalLM.from_pretrained(tiny_llama)
    model.config.max_position_embeddings = context
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes((tiny_llama / name).read_bytes())
    experiment = Experiment(plan, folder, tmp_path, loading=CPU)
    room = context - greedy.MOST_TOKENS
    fit = [c for c, n in zip(plan.cells, lengths, strict=True) if n <= room]
    assert list(experiment.cells) == fit and len(fit) < len(plan.cells)
    assert sum(int(row.name.split()[0]) for row in experiment.left) == (
        len(plan.cells) - len(experiment.cells)
    )
    assert f"{context} tokens" in experiment.left[0].reason


def finished(version: Version, right: list[list[bool]]) -> list[Finished]:
    return [
        Finished(
            arm=Arm(version=version, instances=5, seed=seed), seconds=0.0,
            answers=tuple(
                Answer(
                    version=version, instances=5, seed=seed, setting=Setting.TASKS, tested=tested,
                    task="t", instruction_id="i", example_id=str(n), gold="yes", text="yes",
                    parsed="yes", exact=value, rouge=float(value),
                )
                for tested in Arm(version=version, instances=5, seed=seed).tested
                for n, value in enumerate(row)
            ),
        )
        for seed, row in enumerate(right, start=1)
    ]


def test_differences_are_paired() -> None:
    rng = random.Random(1)
    first = [[rng.random() < 0.5 for _ in range(200)] for _ in range(2)]
    # The same inputs are right but for one in twenty: pairs know that, two means do not.
    second = [[value and n % 20 > 0 for n, value in enumerate(row)] for row in first]
    rows = analysis.rows(
        [*finished(Version.ORIGINAL, first), *finished(Version.SIMPLIFIED, second)]
    )
    own = next(r for r in rows if r.tested is Form.SAME)
    assert own.exact_loss is not None and own.exact_loss.low > 0 and own.exact_loss.high < 8
    assert own.exact.high - own.exact.low > own.exact_loss.high - own.exact_loss.low


def test_rouge_is_the_f_measure_of_the_longest_common_subsequence() -> None:
    assert rouge("the red lamp", "lamp") == pytest.approx(0.5)
    assert rouge("Lamps", "lamp") == 1.0
    assert rouge("", "lamp") == 0.0


@pytest.mark.parametrize(
    ("values", "message"),
    [({"instances": (0,)}, "instances is 0"), ({"seeds": 0}, "seeds"),
     ({"learning_rate": 0.0}, "learning rate")],
)
def test_impossible_recipes_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Recipe(**values)  # type: ignore[arg-type]


def test_kept_instructions_and_overlapping_tasks_are_refused() -> None:
    with pytest.raises(InputError, match="final measurements"):
        plan_of(SMALL, task_names=["place"], unobserved=instructions.UNOBSERVED_TEST)
    with pytest.raises(InputError, match="trained on and held out"):
        plan_of(SMALL, task_names=["place"], held_out=["place"])
    with pytest.raises(InputError, match="no phrasing to train on"):
        plan_of(SMALL, task_names=["food"], held_out=[])


def test_the_start_is_tested_and_not_trained() -> None:
    assert SMALL.arms[0] == START and START.tested == (Form.ORIGINAL,)
    assert planned().updates(START) == 0


COMMAND = ["alterations", "train", "--tasks", "scene_topic", "--held-out", "none", "--instances",
           "2", "--seeds", "1", "--limit", "5", "--versions", "empty"]


def test_a_dry_run_trains_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*COMMAND, "--out", str(tmp_path / "x"), "--dry-run"])
    assert ended.value.code == 0 and not (tmp_path / "x").exists()
    out = capsys.readouterr().out
    assert "2 trainings of 4 updates in all, 20 answers" in out and "5 to test" in out


def test_the_command_writes_and_prints(
    tiny_llama: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*COMMAND, "--out", str(tmp_path), "--model", str(tiny_llama), "--json"])
    assert ended.value.code == 0
    made = json.loads(capsys.readouterr().out)
    assert made["files"] == ["records.parquet", "summary.json", "tables.md", "report.html"]
    assert made["found"]["recipe"]["versions"] == ["original", "empty"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--versions", "odd"], "no version 'odd'"), (["--instances", "ten"], "whole numbers")],
)
def test_wrong_arguments_are_one_line(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*COMMAND, "--out", str(tmp_path), *arguments])
    assert ended.value.code == 2 and message in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["Name the topic."], ["--", "train"]]
)
def test_a_text_needs_no_command(
    arguments: list[str], tiny_llama: Path, indexes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = arguments[0] if arguments[0] != "--" else arguments[1]
    settings = ["--task", "scene_topic", "--limit", "2", "--json", "--model", str(tiny_llama),
                "--indexes", str(indexes)]
    arguments = [*arguments, *settings] if arguments[0] != "--" else [*settings, *arguments]
    with pytest.raises(SystemExit) as ended:
        main(["alterations", *arguments])
    assert ended.value.code == 0
    made = json.loads(capsys.readouterr().out)
    assert made["rows"][0]["text"] == text


def test_both_commands_have_help(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, wanted in (
        ([], "train"), (["TEXT"], "--limit"), (["train"], "--instances"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(["alterations", *arguments, "--help"])
        assert ended.value.code == 0 and wanted in capsys.readouterr().out
