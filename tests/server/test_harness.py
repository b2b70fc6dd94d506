"""lm-evaluation-harness, in its own environment, with this server as its model and by itself."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from robustness.data import instructions, prompts, tasks
from robustness.models.transformers_engine import TransformersEngine
from robustness.workbench import Workbench
from server.application import create_app
from server.settings import Settings

ROWS = 48
TASK = """task: {name}
dataset_path: json
dataset_kwargs:
  data_files:
    test: {rows}
test_split: test
doc_to_text: "{{{{text}}}}"
"""
CHOSEN = """output_type: multiple_choice
doc_to_choice: options
doc_to_target: gold
target_delimiter: " "
metric_list:
  - metric: acc
  - metric: acc_norm
"""
WRITTEN = """output_type: generate_until
doc_to_target: answer
generation_kwargs:
  until: ["."]
  max_gen_toks: 6
metric_list:
  - metric: exact_match
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def write_tasks(folder: Path) -> None:
    """Inputs of two tasks under an observed instruction each, as options and as texts."""
    known = [i for i in instructions.builtin(instructions.OBSERVED) if i.task]
    lines = []
    for name in ("polarity", "scene_topic"):
        instruction = next(i for i in known if i.task == name)
        for example in tasks.builtin(name).split("test")[: ROWS // 2]:
            filled = prompts.fill(instruction, example)
            gold = example.options.index(str(example.answer))
            lines.append(
                {"id": len(lines), "text": filled.text.rstrip(), "options": list(filled.options),
                 "gold": gold, "answer": filled.options[gold]}
            )  # fmt: skip
    (folder / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for name, kind in (("chosen", CHOSEN), ("written", WRITTEN)):
        text = TASK.format(name=name, rows=folder / "rows.jsonl") + kind
        (folder / f"{name}.yaml").write_text(text)


def run(python: Path, folder: Path, model: str, arguments: str) -> tuple[dict, dict]:
    """(metrics of each task, answers of each input of each task)."""
    out = folder / f"out-{model}"
    variables = {
        "HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(folder / f"cache-{model}"),
        "OPENAI_API_KEY": "any", "NO_PROXY": "127.0.0.1", "TOKENIZERS_PARALLELISM": "false",
    }
    done = subprocess.run(
        [
            python, "-m", "lm_eval", "--model", model, "--model_args", arguments, "--tasks",
            "chosen,written", "--include_path", folder, "--batch_size", "8", "--device", "cpu",
            "--output_path", out, "--log_samples",
        ],
        env=dict(os.environ) | variables, capture_output=True, text=True, check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (found,) = out.rglob("results_*.json")
    results = json.loads(found.read_text())["results"]
    answers: dict[str, Any] = {}
    for task in ("chosen", "written"):
        (file,) = out.rglob(f"samples_{task}_*.jsonl")
        rows = sorted(map(json.loads, file.read_text().splitlines()), key=lambda r: r["doc"]["id"])
        answers[task] = [row["resps"] for row in rows]
    metrics = {
        task: {k: v for k, v in results[task].items() if k.startswith(("acc", "exact_match"))}
        for task in answers
    }
    return metrics, answers


def test_the_harness_finds_the_same_accuracies_through_the_server(
    peers: Path, backbone: Path, serve, tmp_path: Path
) -> None:
    write_tasks(tmp_path)
    engine = TransformersEngine(backbone, device="cpu", name="mini")
    context = engine.checkpoint.context
    app = create_app(Workbench(engine, indexes=tmp_path), Settings(jobs=tmp_path / "jobs"))
    with serve(app) as url:
        served = run(
            peers, tmp_path, "local-completions",
            f"model=mini,base_url={url}/v1/completions,tokenizer={backbone},"
            f"tokenizer_backend=huggingface,num_concurrent=1,max_length={context},"
            "add_bos_token=True",
        )
    alone = run(peers, tmp_path, "hf", f"pretrained={backbone},dtype=float32,add_bos_token=True")
    assert served[0] == alone[0]
    assert alone[0]["chosen"]["acc,none"] > 0.6
    scores = [
        [[float(option[0][0]) for option in row] for row in answers["chosen"]]
        for _, answers in (served, alone)
    ]
    assert len(scores[0]) == ROWS
    for ours, theirs in zip(*scores, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-3)
    assert served[1]["written"] == alone[1]["written"]
