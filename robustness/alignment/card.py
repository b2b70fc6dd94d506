"""The card of an alignment: how it was made and what it gave, from recorded values only.

Refuses to measure anything.
"""

from collections.abc import Mapping
from typing import Any

from robustness import formats

_SETS = {
    "observed": "observed instructions",
    "held_out": "paraphrases held out of training",
    "development": "unobserved-development instructions",
}
_LOSSES = {
    "pt+kl": "soft prefix, cross-entropy and divergence from the reference instruction (PT+KL)",
    "pt": "soft prefix, cross-entropy (PT)",
    "ft+kl": "all weights, cross-entropy and divergence from the reference instruction (FT+KL)",
    "ft": "all weights, cross-entropy (FT)",
}


def markdown(record: Mapping[str, Any]) -> str:
    """The card of a `training.json`, which `train` writes."""
    recipe, made = record["recipe"], record["provenance"]
    library = "peft" if recipe["method"].startswith("pt") else "transformers"
    lines = [
        "---", f"base_model: {record['backbone']}", f"library_name: {library}", "---", "",
        f"# {_LOSSES[recipe['method']]}", "",
        f"Trained for the backbone `{record['backbone']}`, revision `{record['revision']}`; "
        "another one cannot use it.", "",
        f"Prompts were read in the format `{record.get('prompt_format', formats.NONE)}`; served in "
        "another one it is refused.", "",
        f"Stopped after {record['steps']} of at most {recipe['steps']} updates, "
        f"{record['seconds']:.0f} s on {made['hardware']}; the values after update "
        f"{record['best_step']} are kept, the best on {_SETS[record['selected_by']]}.", "",
        "| set | accuracy before | after | (instruction, input) pairs |", "|---|---|---|---|",
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
