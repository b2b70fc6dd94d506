"""A T5 with a soft prompt in every step: align, index, calibrate, predict, score, serve."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import httpx
import pandas as pd
import pytest
from fastapi import FastAPI

from robustness import cli
from robustness.data import instructions, tasks
from robustness.data.tasks import Task
from robustness.storage import files
from robustness.training.alignment import recipe as align_recipe
from robustness.training.alignment.recipe import AlignRecipe
from robustness.types import Instruction
from robustness.workbench import Workbench
from server.application import create_app
from server.engines import build_engine
from server.options import settings_from

pytestmark = [
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning"),
    pytest.mark.slow,
]

VERBS = ("Name", "Determine", "Work out", "Give me", "Find", "Tell me")
WHATS = ("what the text is about", "the subject of the sentence")


@dataclass(frozen=True, kw_only=True)
class Road:
    """What the first commands have left."""

    folder: Path
    task: Path
    observed: Path
    unobserved: Path
    arguments: tuple[str, ...]
    """Model, prefix, indexes."""


def command(*arguments: object) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([str(a) for a in arguments])
    assert not ended.value.code


@pytest.fixture(scope="module")
def road(
    tmp_path_factory: pytest.TempPathFactory, tiny_t5: Path, topics: Task,
    observed: list[Instruction],
) -> Road:
    folder = tmp_path_factory.mktemp("road")
    names = {n: folder / f"{n}.jsonl" for n in ("observed", "unobserved")}
    own = [i for i in observed if i.task == topics.id][:5]
    instructions.write_collection(names["observed"], own)
    instructions.write_collection(names["unobserved"], [
        Instruction(
            text=f"{verb} {what}, please.", collection="unobserved", task_type=topics.task_type,
            task=topics.id, option_format="dashes",
        )
        for what in WHATS for verb in VERBS
    ])
    task = folder / "topic.json"
    tasks.base.write_task(task, topics)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(align_recipe, "AlignRecipe", partial(AlignRecipe, eval_cells=12))
        command(
            "align", "--model", tiny_t5, "--tasks", task, "--observed", names["observed"],
            "--steps", 2, "--virtual-tokens", 3, "--out", folder / "gentle",
        )
    arguments = ("--model", tiny_t5, "--prefix", folder / "gentle", "--indexes", folder / "idx")
    command("index", "build", "--observed", names["observed"], "--tasks", task, *arguments)
    command("calibrate", "--unobserved", names["unobserved"], "--tasks", task, *arguments)
    return Road(
        folder=folder, task=task, observed=names["observed"], unobserved=names["unobserved"],
        arguments=tuple(str(a) for a in arguments),
    )


def test_the_prefix_has_its_rows_and_its_record(road: Road) -> None:
    record = files.read_json(road.folder / "gentle" / "training.json", schema=1)
    assert record["backbone"] == "tiny-t5"
    assert record["prompt_format"] == "none"
    assert record["counts"]["inputs"] == 6
    assert "the format `none`" in (road.folder / "gentle" / "README.md").read_text()


def test_original_and_prefix_have_an_index_and_a_calibration(
    road: Road, capsys: pytest.CaptureFixture[str]
) -> None:
    command("index", "info", "--json", *road.arguments)
    original, aligned = json.loads(capsys.readouterr().out)
    assert (original["model"], aligned["model"]) == ("tiny-t5", "tiny-t5+gentle")
    assert original["calibrated"] and aligned["calibrated"]
    assert original["spec"]["revision"] == aligned["spec"]["revision"]
    assert aligned["spec"]["prefix"].startswith("gentle@")


def test_a_prediction_stands_on_the_prefixs_own_index(
    road: Road, capsys: pytest.CaptureFixture[str]
) -> None:
    command("predict", "Say the topic.", "--task", road.task, "--json", *road.arguments)
    aligned = json.loads(capsys.readouterr().out)
    without = [a for a in road.arguments if a not in ("--prefix", str(road.folder / "gentle"))]
    command("predict", "Say the topic.", "--task", road.task, "--json", *without)
    original = json.loads(capsys.readouterr().out)
    assert len(aligned["nearest"]) == 5
    assert aligned["nearest"][0]["distance"] != original["nearest"][0]["distance"]


def test_a_table_is_scored_by_both_models(road: Road, topics: Task) -> None:
    example = topics.examples[0]
    table, out = road.folder / "in.csv", road.folder / "out.csv"
    rows = [
        {"instruction": "Say the topic.", "task": str(road.task), "input": "", "answer": ""},
        {"instruction": "Say the topic.", "task": str(road.task),
         "input": next(iter(example.fields.values())), "answer": example.answer},
    ]
    pd.DataFrame(rows).to_csv(table, index=False)
    command("score", table, "--out", out, *road.arguments)
    scored = pd.read_csv(out)
    assert scored["status"].tolist() == ["ok", "ok"]
    assert scored.loc[0, ["accuracy_original", "accuracy_aligned"]].between(0, 100).all()
    assert scored.loc[1, "output_aligned"] in topics.options


def test_an_evaluation_compares_both_models(road: Road) -> None:
    out = road.folder / "study"
    command(
        "evaluate", "--tasks", road.task, "--instructions", f"{road.observed},{road.unobserved}",
        "--out", out, "--no-posix", *road.arguments[:4],
    )
    records = pd.read_parquet(out / "records.parquet")
    assert set(records["model"]) == {"tiny-t5", "tiny-t5+gentle"}
    assert len(records) == 2 * 17 * 8
    assert (out / "report.html").is_file()


def test_a_server_completes_and_predicts_with_the_prefix(
    road: Road, topics: Task, serve: Callable[[FastAPI], AbstractContextManager[str]]
) -> None:
    settings = settings_from([*road.arguments, "--port", "0"], environment={})
    settings = replace(settings, jobs=road.folder / "jobs")
    built = build_engine(settings)
    assert "encoder-decoder" in built.reason or "not installed" in built.reason
    app = create_app(Workbench(built.engine, indexes=settings.indexes), settings)
    with serve(app) as url, httpx.Client(base_url=url, timeout=60, trust_env=False) as http:
        asked = {"model": "tiny-t5+gentle", "prompt": "Say the topic.", "max_tokens": 3}
        completed = http.post("/v1/completions", json=asked | {"temperature": 0})
        predicted = http.post(
            "/robustness/v1/predict",
            json={
                "instruction": "Say the topic.", "task": topics.id, "model": "tiny-t5+gentle",
            },
        )
    built.engine.close()
    assert completed.status_code == 200, completed.text
    assert completed.json()["usage"]["completion_tokens"] == 3
    assert predicted.status_code == 200, predicted.text
    assert predicted.json()["nearest"]
