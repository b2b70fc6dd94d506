"""Writes the model card of an aligned model from the record of its training."""

from collections.abc import Mapping
from typing import Any

from robustness.models import chat_formats

_SETS = {
    "observed": "observed instructions",
    "held_out": "paraphrases held out of training",
    "development": "unobserved-development instructions",
}
_TRAINED = {"pt": "soft prefix", "deep": "deep prefix", "lora": "LoRA", "ft": "all weights"}
_LOSSES = {
    "": "cross-entropy", "+kl": "cross-entropy and divergence from the reference instruction"
}


def markdown(record: Mapping[str, Any]) -> str:
    """The model card as Markdown.

    Args:
        record: The content of `training.json`, which `train` writes.
    """
    recipe, made = record["recipe"], record["provenance"]
    method = recipe["method"]
    trained, plus, _ = method.partition("+")
    library = "transformers" if trained == "ft" else "peft"
    lines = [
        "---",
        f"base_model: {record['backbone']}",
        f"library_name: {library}",
        "---",
        "",
        f"# {_TRAINED[trained]}, {_LOSSES['+kl' if plus else '']} ({method.upper()})",
        "",
        f"Trained for the backbone `{record['backbone']}`, revision `{record['revision']}`; "
        "another one cannot use it.",
        "",
        f"Prompts were read in the format `{record.get('prompt_format', chat_formats.NONE)}`; "
        "served in another one it is refused.",
        "",
        f"Stopped after {record['steps']} of at most {recipe['steps']} updates, "
        f"{record['seconds']:.0f} s on {made['hardware']}; the values after update "
        f"{record['best_step']} are kept, the best on {_SETS[record['selected_by']]}.",
        "",
        "| set | accuracy before | after | (instruction, input) pairs |",
        "|---|---|---|---|",
    ]
    for name, after in record["after"].items():
        before = record["before"][name]
        lines.append(
            f"| {_SETS[name]} | {100 * before['accuracy']:.1f} | {100 * after['accuracy']:.1f} | "
            f"{after['cells']} |"
        )
    lines += [
        "", "The set that selected the update is flattered by the selection. These are small "
        "samples taken during training; the backbone's card (`python -m robustness backbone card`) "
        "gives paired gains with intervals.", "",
        "## Recipe", "", "| key | value |", "|---|---|",
        *(f"| {key} | {value} |" for key, value in recipe.items()), "",
        f"Instructions and inputs: {record['counts']}, hash `{record['data']}`. "
        f"Commit `{made['commit']}`{' with changes' if made['dirty'] else ''}, {made['created']}.",
    ]
    return "\n".join(lines) + "\n"
