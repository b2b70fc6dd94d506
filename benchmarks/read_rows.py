"""The process of this project that `whole.py` times: loads a model, reads rows, writes scores.

`python benchmarks/read_rows.py DIR`: DIR has `model/` and `rows.jsonl`; `ours.json` is written.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from robustness import garbage, threads

garbage.settle()
threads.settle()

from robustness.models.transformers_engine import TransformersEngine  # noqa: E402
from robustness.types import Prompt  # noqa: E402


def main(folder: Path) -> None:
    """Reads every row, and checks whether the most probable option is correct."""
    rows = [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]
    engine = TransformersEngine(folder / "model", device="cpu")
    prompts = [
        Prompt(instruction_id="", example_id="", text=r["text"], options=tuple(r["options"]))
        for r in rows
    ]
    readings = engine.read(engine.models()[0].id, prompts)
    right = [
        int(reading.option_logprobs.argmax()) == row["gold"]
        for row, reading in zip(rows, readings, strict=True)
    ]
    document = {
        "accuracy": sum(right) / len(right),
        "scores": [reading.option_logprobs.tolist() for reading in readings],
    }
    (folder / "ours.json").write_text(json.dumps(document))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
