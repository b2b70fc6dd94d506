"""The command line as a table: where each command lies, and its line in the help.

Imports no command; `robustness.cli.lazy_group` does, when one is asked for.
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
            "The alterations of one instruction, measured: the command where none is named.",
        ),
        "train": Entry(
            f"{_HERE}.alterations.train:train",
            "Trains copies of a model on altered instructions and compares them with the original.",
        ),
    },
    subcommand_metavar="TEXT --task TASK [OPTIONS] | train [OPTIONS]",
    help="How much a model uses an instruction at all. TEXT: negated, nonsensical, empty and other "
    "forms of it are measured; `alterations TEXT --help` has the options. `train`: what models "
    "lose that are trained on altered instructions. A text that is a command's name stands behind "
    "`--`: alterations --task TASK -- train.",
)

INDEX = LazyGroup(
    name="index",
    table={
        "build": Entry(
            f"{_HERE}.index.build:build",
            "Reads the observed instructions and saves the index of the model and of each prefix.",
        ),
        "add": Entry(
            f"{_HERE}.index.add:add",
            "Puts observed instructions into a saved index: only they are read and measured.",
        ),
        "remove": Entry(
            f"{_HERE}.index.remove:remove", "Takes observed instructions out of a saved index."
        ),
        "info": Entry(
            f"{_HERE}.index.info:info",
            "What the index of the model and of each prefix holds, and how good its calibration "
            "is.",
        ),
    },
    help="The observed index of a model.",
)

BACKBONE = LazyGroup(
    name="backbone",
    table={
        "train": Entry(
            f"{_HERE}.backbone.train:train",
            "Trains the embedded backbone from scratch; a killed training goes on where it "
            "stopped.",
        ),
        "seeds": Entry(
            f"{_HERE}.backbone.seeds:seeds",
            "Measures several trainings of one recipe; `backbone card` shows them in a table.",
        ),
        "card": Entry(
            f"{_HERE}.backbone.card:card",
            "Measures the backbone, and what alignment gains, by set of instructions; writes its "
            "card.",
        ),
    },
    help="How the embedded backbone is made.",
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
        "Nearest observed instructions, predicted degradation and conflicts of one instruction.",
    ),
    "advise": Entry(
        f"{_HERE}.advise:advise",
        "Rewordings with their predicted loss, and which words moved the instruction.",
    ),
    "compare": Entry(
        f"{_HERE}.compare:compare",
        "Both models' answers to the same prompt, with option probabilities.",
    ),
    "quantiles": Entry(
        f"{_HERE}.quantiles:quantiles",
        "Quantiles of accuracy over many instructions, from a part of the cells (PromptEval).",
    ),
    "score": Entry(
        f"{_HERE}.score:score",
        "Scores a table of instructions; a bad row says so itself and never costs the others.",
    ),
    "import": Entry(
        f"{_HERE}.import_collection:import_collection",
        "Takes instructions from a public collection; what is left out is named with its reason.",
    ),
    "evaluate": Entry(
        f"{_HERE}.evaluate:evaluate",
        "Tasks x instructions x models: accuracy, statistics, tables and a report; resumes.",
    ),
    "calibrate": Entry(
        f"{_HERE}.calibrate:calibrate",
        "Measures unobserved instructions and fits the predictor of the model and of each prefix.",
    ),
    "paraphrase": Entry(
        f"{_HERE}.paraphrase:paraphrase",
        "Paraphrases instructions, offline or by a served model; what does not pass is listed.",
    ),
    "align": Entry(
        f"{_HERE}.align:align",
        "Trains a prefix (or all weights) so that paraphrases answer like their reference.",
    ),
    "ablation": Entry(
        f"{_HERE}.ablation:ablation",
        "Compares methods of alignment, each trained on the same data; a killed one goes on.",
    ),
    "index": INDEX,
    "backbone": BACKBONE,
    "alterations": ALTERATIONS,
    "published": PUBLISHED,
}
