"""Records the page's opening examples on the shipped models: `assets/examples/opening.json`.

`.venv/bin/python docs/opening_examples.py` writes it; a test measures them again and asserts that
each still shows what it was chosen for. The wordings were written for the page: none is in the sets
that train, calibrate or test.
"""

from robustness import evidence, paths
from robustness.models.adapters import shipped
from robustness.models.transformers_engine import TransformersEngine
from robustness.storage import files, provenance
from robustness.wording import Asked
from robustness.workbench import Workbench
from server.page import head

EXAMPLES = (
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
)
"""(name, what it shows, wording, task); the first is shown when the page opens."""


def main() -> None:
    """Measures every example and writes the file."""
    engine = TransformersEngine(paths.BACKBONE, prefixes=shipped(paths.BACKBONE))
    workbench = Workbench(engine)
    rows = []
    for name, shows, text, task in EXAMPLES:
        made = evidence.record(workbench, Asked(instruction=text, task=task))
        rows.append(
            {
                "name": name, "shows": shows,
                "asked": {"instruction": text, "task": task}, "shown": made["shown"],
            }
        )
    files.write_json(
        head.OPENING,
        {
            "schema": head.SCHEMA, "provenance": provenance.collect(schema=head.SCHEMA),
            "examples": rows,
        },
    )
    engine.close()


if __name__ == "__main__":
    main()
