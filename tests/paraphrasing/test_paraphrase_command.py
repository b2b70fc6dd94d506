"""The command `paraphrase`: by rules on unseen instructions, and with a server on loopback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from robustness import cli
from robustness.data import instructions, tasks
from robustness.data.importers import sources
from robustness.errors import InputError
from robustness.evaluation import study
from robustness.evaluation.prompteval import runner
from robustness.paraphrasing import llm_paraphraser, pipeline
from robustness.paraphrasing.candidate_filter import fault
from robustness.stats.shingles import NEAR, alike, jaccard, shingles
from robustness.types import Instruction, TaskType
from tests.paraphrasing.conftest import Stub

FIELD = "Mark the sentence by its field: {text}\nField:"


def unseen(text: str, task_type: TaskType = TaskType.BC, **values: object) -> Instruction:
    given = {"collection": "unseen", "task_type": task_type, **values}
    return Instruction(text=text, **given)  # type: ignore[arg-type]


UNSEEN = [
    unseen(
        "In this task, you are given a question and a context passage. You have to answer the "
        "question based on the given passage.\nQuestion: {question}\nPassage: {context}",
        TaskType.QA, task="reading",
    ),
    unseen(
        "Given two sentences, decide whether they describe the same event.\n1: {sentence1}\n"
        "2: {sentence2}\nAnswer yes or no.", task="events",
    ),
    unseen(
        "You will be given a tweet. Your task is to classify it as hateful or harmless.\n{tweet}",
        task="tweets",
    ),
    unseen(
        "Find the relation between the two entities in the text.\n{text}\n{options}\nRelation:",
        TaskType.MC, task="relations", option_format="dashes",
    ),
]


SPACES = {"events": ("yes", "no"), "tweets": ("hateful", "harmless")}


def run(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    out = capsys.readouterr()
    return int(ended.value.code or 0), out.out, out.err


def checked(path: Path, given: list[Instruction]) -> list[Instruction]:
    """The file's paraphrases, each of which passes the gate against its own source."""
    made = instructions.read_collection(path)
    report = json.loads(path.with_suffix(".report.json").read_text())
    of = {row["id"]: row["of"] for row in report["kept"]}
    known = {i.id: i for i in given}
    assert [m.id for m in made] == [row["id"] for row in report["kept"]]
    for one in made:
        assert fault(one, known[of[one.id]], SPACES.get(one.task or "", ())) is None
    apart = [shingles(i.text) for i in pipeline.kept_apart(())]
    grams = [shingles(i.text) for i in made]
    for n, mine in enumerate(grams):
        others = [*(shingles(i.text) for i in given), *apart, *grams[:n]]
        assert max(jaccard(mine, other) for other in others) <= NEAR
    return made


_PROCESS = """
import json
import sys
from pathlib import Path
from robustness.data import instructions
from robustness.paraphrasing import pipeline
given = instructions.read_collection(Path(sys.argv[1]))
out = Path(sys.argv[2])
pipeline.write(
    given, pipeline.RuleBased(4, 3), out, answer_spaces=json.loads(sys.argv[3]),
    apart=pipeline.kept_apart(()),
)
"""


@pytest.mark.slow
def test_two_processes_write_the_same_bytes(tmp_path: Path) -> None:
    collection = tmp_path / "unseen.jsonl"
    instructions.write_collection(collection, UNSEEN)
    for seed in ("1", "2"):
        out = tmp_path / seed / "p.jsonl"
        subprocess.run(
            [sys.executable, "-c", _PROCESS, str(collection), str(out), json.dumps(SPACES)],
            env=os.environ | {"PYTHONHASHSEED": seed}, check=True, capture_output=True,
        )
    for name in ("p.jsonl", "p.report.json"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()
    made = checked(tmp_path / "1" / "p.jsonl", UNSEEN)
    assert {m.task for m in made} == {i.task for i in UNSEEN}
    assert any("{sentence1}" in m.text and "{sentence2}" in m.text for m in made)


@pytest.mark.skipif(
    "STEADFAST_DATA" not in os.environ, reason="STEADFAST_DATA names no data folder"
)
@pytest.mark.slow
def test_most_public_templates_that_it_has_not_seen_get_valid_paraphrases(tmp_path: Path) -> None:
    folder = Path(os.environ["STEADFAST_DATA"]) / "promptsource"
    files = sorted(folder.rglob("*.yaml"))
    given: list[Instruction] = []
    for number, file in enumerate(files):
        path = tmp_path / f"{number}.jsonl"
        if sources.take("promptsource", file, path).taken:
            given += instructions.read_collection(path)[:3]
    given = pipeline.checked(given)
    assert len(given) > 12
    pipeline.write(given, pipeline.RuleBased(0, 2), tmp_path / "p.jsonl", answer_spaces={})
    made = checked(tmp_path / "p.jsonl", given)
    assert len(made) > len(given)


def test_a_refused_candidate_is_listed_once_with_its_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "p.jsonl"
    code, shown, _ = run(
        "paraphrase", "--text", FIELD, "--task", "scene_topic", "--count", "40",
        "--out", str(out), capsys=capsys,
    )
    assert code == 0
    report = json.loads((tmp_path / "p.report.json").read_text())
    assert report["left"] and len({row["text"] for row in report["left"]}) == len(report["left"])
    near = [row for row in report["left"] if row["ground"].endswith("another paraphrase")]
    assert f"left out, near-duplicate of another paraphrase: {len(near)}" in shown
    known = {i.id: i for i in instructions.read_collection(out)}
    for row in near:
        other = known[row["reason"].rpartition("(")[2].rstrip(")")]
        assert alike(shingles(row["text"]), shingles(other.text))


REPLIES = [
    "Name the topic of this passage.\n{text}\nTopic:",
    'Here is a rewording:\n"Which subject is {text} about, in one word?"',
    "Tell me what it is about.",
    "Of the fields that exist, which does the following line come from?\\n{text}",
]


def say(message: str, number: int) -> str:
    return REPLIES[number % len(REPLIES)]


def served_run(
    stub: type[Stub], out: Path, *more: str, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str, str]:
    return run(
        "paraphrase", "--text", FIELD, "--task", "scene_topic", "--out", str(out),
        "--paraphraser-url", stub.url, "--paraphraser-model", "big", *more, capsys=capsys,
    )


def test_a_served_model_is_planned_asked_counted_and_not_asked_twice(
    stub: type[Stub], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stub.reply, stub.usage = say, {"prompt_tokens": 100, "completion_tokens": 20}
    out = tmp_path / "p.jsonl"
    code, shown, _ = served_run(stub, out, "--dry-run", "--json", capsys=capsys)
    planned = json.loads(shown)
    assert (code, planned["requests"], planned["known"]) == (0, 9, 0)
    assert stub.asked == [] and not out.exists()
    priced = ("--price-prompt", "2", "--price-completion", "10")
    code, shown, _ = served_run(stub, out, *priced, "--json", capsys=capsys)
    made = json.loads(shown)
    assert (code, made["kept"]) == (0, 3)
    assert made["bill"]["behind"] == {
        "replies": 9, "prompt_tokens": 900, "completion_tokens": 180, "uncounted": 0
    }
    assert made["bill"]["tokens_per_paraphrase"] == 360.0
    assert made["bill"]["money_now"] == pytest.approx(9 * (100 * 2 + 20 * 10) / 1e6)
    assert {row["temperature"] for row in stub.asked} == {0.5}
    messages = [row["messages"][0]["content"] for row in stub.asked]
    assert len(set(messages)) == len(llm_paraphraser.PROMPTS) and all(FIELD in m for m in messages)
    texts = {i.text for i in instructions.read_collection(out)}
    assert "Which subject is {text} about, in one word?" in texts
    report = json.loads((tmp_path / "p.report.json").read_text())
    assert sum(row["times"] for row in report["left"]) == 6
    assert "placeholders" in next(r["reason"] for r in report["left"] if "Tell me" in r["text"])
    before = out.read_bytes()
    code, shown, _ = served_run(stub, out, *priced, capsys=capsys)
    assert code == 0 and len(stub.asked) == 9 and out.read_bytes() == before
    assert "asked now: 0 requests" in shown and "360.0" in shown and "at your prices" in shown


def test_an_interrupted_run_goes_on(
    stub: type[Stub], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stub.reply, stub.statuses = say, [200] * 4 + [403]
    out = tmp_path / "p.jsonl"
    code, _, told = served_run(stub, out, capsys=capsys)
    assert code == 2 and "answered 403" in told and not out.exists()
    code, _, told = served_run(stub, out, capsys=capsys)
    assert code == 0 and "4 of them answered on disk" in told
    assert len(stub.asked) == 5 + 5
    asked = [(r["messages"][0]["content"]) for n, r in enumerate(stub.asked) if n != 4]
    assert len(asked) == 9 and all(asked.count(m) == 3 for m in asked)


def test_an_nli_model_is_asked_and_named_in_the_report(
    stub: type[Stub], tiny_nli: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stub.reply = say
    out = tmp_path / "p.jsonl"
    code, _, told = served_run(
        stub, out, "--nli", str(tiny_nli), "--nli-threshold", "0.999999", capsys=capsys
    )
    assert code == 2 and "no paraphrase of 1 instructions is valid" in told
    report = json.loads((tmp_path / "p.report.json").read_text())
    assert report["entailment"] == {"model": str(tiny_nli), "threshold": 0.999999}
    assert {row["ground"] for row in report["left"]} >= {"changed meaning"}


def test_unobserved_test_is_never_paraphrased(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "p.jsonl")
    code, _, told = run("paraphrase", "unobserved-test", "--out", out, capsys=capsys)
    assert code == 2 and "nothing may be made from" in told
    code, _, told = run("paraphrase", "--out", out, capsys=capsys)
    assert code == 2 and "nothing to paraphrase" in told
    with pytest.raises(InputError, match="nothing to paraphrase"):
        pipeline.checked([])


def test_what_is_written_is_taken_by_quantiles_and_evaluate(tmp_path: Path) -> None:
    topic = tasks.builtin("scene_topic")
    source = unseen(FIELD, topic.task_type, task=topic.id)
    out = tmp_path / "p.jsonl"
    pipeline.write([source], pipeline.RuleBased(0, 6), out, answer_spaces={}, observed=True)
    made = instructions.read_collection(out)
    assert made and all(i.observed for i in made)
    pool, left = runner.pool(topic, out)
    assert (pool, left) == (made, {})
    plan = study.plan_of([topic.id], [str(out)], recipe=study.Recipe(limit=4))
    assert [len(p.instructions) for p in plan.parts] == [len(made)] and not plan.left
