"""Records the page's opening examples on the models that ship: `opening.json` beside their cards.

`.venv/bin/python -m docs.opening_examples [FOLDER ...]` writes them, by default all; tests
measure them again and assert that each still shows what it was chosen for. The wordings were
written for the page: none is in the sets that train, calibrate or test.
"""

import sys
from pathlib import Path

from robustness import evidence, paths
from robustness.cli.open import engine_of
from robustness.models import difference
from robustness.models.load_options import PLAIN, PromptFormat
from robustness.storage import files, provenance
from robustness.wording import Asked
from robustness.workbench import Workbench
from server.page import shipped

EXAMPLES = {
    paths.BACKBONE: (
        (
            "roundabout", "it breaks the original and hardly the aligned model",
            "{story}\nAnyone looking for {name} should head for the", "place",
        ),
        ("blank", "it breaks both models", "{story}\n____ gave it to {name}.", "giver"),
        (
            "chatty", "the truth lies outside the predicted interval",
            "Where would a taxi pick up {name}? {story}", "place",
        ),
        (
            "off_topic", "the model does not read the instruction",
            "Zebra umbrella seventeen, kindly wobble.", "polarity",
        ),
        (
            "conflict", "it asks for answers that are not scored",
            "Is the following true? Answer True or False.\n{text}", "scene_topic",
        ),
        ("gibberish", "the predictor abstains", "blip {name} {story} vorn", "colour"),
    ),
    paths.TUNED: (
        (
            "chatty", "it costs the original and hardly the aligned model",
            "Hey, what's {name} got there? {story}", "object",
        ),
        ("blank", "it breaks both models", "{story}\n{name} carries a ____ thing.", "colour"),
        (
            "unfinished", "the truth lies outside the predicted interval",
            "{text}\nSomebody said this in order to", "dialogue_act",
        ),
        (
            "off_topic", "the task is answered as well without an instruction",
            "Zebra umbrella seventeen, kindly wobble.", "subjectivity",
        ),
        (
            "conflict", "it asks for answers that are not scored",
            "Is the following true? Answer True or False.\n{text}", "subjectivity",
        ),
        ("gibberish", "the predictor abstains", "blip {name} {story} vorn", "colour"),
    ),
}
"""Folder -> (name, what it shows, wording, task); the first is shown when the page opens."""


def record(folder: Path) -> None:
    """Measures every example of a model and writes its file."""
    engine = engine_of(difference.resolved(str(folder)), None, PromptFormat.AUTO, PLAIN)
    workbench = Workbench(engine)
    rows = []
    for name, shows, text, task in EXAMPLES[folder]:
        made = evidence.record(workbench, Asked(instruction=text, task=task))
        rows.append(
            {
                "name": name, "shows": shows,
                "asked": {"instruction": text, "task": task}, "shown": made["shown"],
            }
        )
    files.write_json(
        shipped.opening_file(folder),
        {
            "schema": shipped.SCHEMA, "provenance": provenance.collect(schema=shipped.SCHEMA),
            "examples": rows,
        },
    )
    engine.close()


if __name__ == "__main__":
    for given in [Path(a).resolve() for a in sys.argv[1:]] or EXAMPLES:
        record(given)
