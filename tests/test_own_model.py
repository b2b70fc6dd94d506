"""The road of docs/own-model.md in small, on a tiny random model."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pandas as pd
import pytest
from fastapi import FastAPI

from robustness import cli, paths
from robustness.models.transformers_engine import TransformersEngine
from robustness.workbench import Workbench
from server.application import create_app
from server.settings import Settings

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(240),
    # PEFT 0.21 asks transformers 5 for a property under its old name.
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning"),
]


def run(*arguments: object) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([str(a) for a in arguments])
    assert not ended.value.code


def test_from_a_folder_to_predictions_over_http(
    tiny_llama: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    serve: Callable[[FastAPI], AbstractContextManager[str]],
) -> None:
    table = pd.read_csv(paths.ROOT / "assets/examples/relations.csv").head(8)
    table.to_csv(tmp_path / "relations.csv", index=False)
    task, known, others, indexes = (
        tmp_path / name
        for name in ("relations.csv", "instructions.jsonl", "paraphrases.jsonl", "indexes")
    )
    asked = pd.read_csv(paths.ROOT / "assets/examples/relation_instructions.csv")
    asked.groupby("observed").head(2).to_csv(tmp_path / "few.csv", index=False)
    model = ("--model", tiny_llama)
    run("import", "csv", tmp_path / "few.csv", "--task", "relations", "--out", known)
    run("paraphrase", known, "--tasks", task, "--count", 3, "--out", others)
    run(
        "evaluate", "--tasks", task, "--instructions", known, "--limit", 3, "--no-posix", *model,
        "--out", tmp_path / "evaluation", "--json",
    )
    outcome = json.loads(capsys.readouterr().out.splitlines()[-1])
    masses = [row["mass"] for row in outcome["study"]["sets"]]
    assert all(0 < mass < 100 for mass in masses)
    run("index", "build", "--observed", known, "--tasks", task, *model, "--indexes", indexes)
    run("calibrate", "--unobserved", others, "--tasks", task, *model, "--indexes", indexes)
    run(
        "align", "--method", "pt+kl", "--steps", 1, "--virtual-tokens", 2, *model, "--tasks", task,
        "--observed", known, "--paraphrases", others, "--out", tmp_path / "pt-kl",
    )
    engine = TransformersEngine(
        tiny_llama, prefixes={"pt-kl": tmp_path / "pt-kl"}, device="cpu", prompt_format="auto"
    )
    bench = Workbench(engine, indexes=indexes, task_files=True)
    assert [m.id for m in engine.models()] == ["tiny-llama", "tiny-llama+pt-kl"]
    made = bench.predict("Which relation is it? {text}", task=str(task))
    assert made.nearest[0].task == "relations"
    with serve(create_app(bench, Settings(jobs=tmp_path / "jobs"))) as address:
        told = {"model": "tiny-llama+pt-kl", "temperature": 0, "max_tokens": 8, "messages": [
            {"role": "user", "content": "What is the capital of France?"}
        ]}
        reply = httpx.post(f"{address}/v1/chat/completions", json=told, timeout=60).json()
    assert reply["usage"]["completion_tokens"] == 8
    engine.close()
