"""The library's modules that commands call, each imported at its first use.

`library.batch` is `robustness.scoring.batch`, and so on. So the help of a command imports none of
them, and a command only those that it uses.
"""

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tqdm

    from robustness import evidence, suggestions, types, workbench
    from robustness.cli import open, remote, sets
    from robustness.cli.render import alterations as render_alterations
    from robustness.cli.render import evaluation as render_evaluation
    from robustness.cli.render import evidence as render_evidence
    from robustness.cli.render import imports as render_imports
    from robustness.cli.render import index as render_index
    from robustness.cli.render import paraphrases as render_paraphrases
    from robustness.cli.render import predictions as render_predictions
    from robustness.cli.render import quantiles as render_quantiles
    from robustness.cli.render import suggestions as render_suggestions
    from robustness.cli.render import tables as render_tables
    from robustness.cli.render import training as render_training
    from robustness.data import instructions, tasks, user_instruction
    from robustness.data.importers import sources
    from robustness.evaluation import perturbations, published, study
    from robustness.evaluation.prompteval import runner
    from robustness.models import checkpoint, difference, packaged, papers, sentence_encoder
    from robustness.paraphrasing import (
        entailment,
        llm_paraphraser,
        pipeline,
        surface,
        token_cost,
    )
    from robustness.prediction import black_box, index_service
    from robustness.scoring import batch, ray_setup
    from robustness.storage import files, provenance, result_cache
    from robustness.training import ablation as ablation_methods
    from robustness.training import looks
    from robustness.training.ablation import plan as ablation_plan
    from robustness.training.ablation import subjects
    from robustness.training.alignment import data as alignment_data
    from robustness.training.alignment import recipe as align_recipe
    from robustness.training.alignment import train as alignment
    from robustness.training.alignment import user_tasks
    from robustness.training.backbone import quality, recipe
    from robustness.training.backbone import train as backbone
    from robustness.training.perturbed import experiment as perturbed
    from robustness.training.tuning import card as tuning_card
    from robustness.training.tuning import difference as tuning_difference
    from robustness.training.tuning import recipe as tuning_recipe
    from robustness.training.tuning import train as tuning

__all__ = [
    "ablation_methods",
    "ablation_plan",
    "align_recipe",
    "alignment",
    "alignment_data",
    "backbone",
    "batch",
    "black_box",
    "checkpoint",
    "difference",
    "entailment",
    "evidence",
    "files",
    "index_service",
    "instructions",
    "llm_paraphraser",
    "looks",
    "open",
    "packaged",
    "papers",
    "perturbations",
    "perturbed",
    "pipeline",
    "provenance",
    "published",
    "quality",
    "ray_setup",
    "recipe",
    "remote",
    "render_alterations",
    "render_evaluation",
    "render_evidence",
    "render_imports",
    "render_index",
    "render_paraphrases",
    "render_predictions",
    "render_quantiles",
    "render_suggestions",
    "render_tables",
    "render_training",
    "result_cache",
    "runner",
    "sentence_encoder",
    "sets",
    "sources",
    "study",
    "subjects",
    "suggestions",
    "surface",
    "tasks",
    "token_cost",
    "tqdm",
    "tuning",
    "tuning_card",
    "tuning_difference",
    "tuning_recipe",
    "types",
    "user_instruction",
    "user_tasks",
    "workbench",
]

# Name here -> module; the imports above tell type checkers the same, and a test compares them.
_PLACES = {
    "ablation_methods": "robustness.training.ablation",
    "ablation_plan": "robustness.training.ablation.plan",
    "align_recipe": "robustness.training.alignment.recipe",
    "alignment": "robustness.training.alignment.train",
    "alignment_data": "robustness.training.alignment.data",
    "backbone": "robustness.training.backbone.train",
    "batch": "robustness.scoring.batch",
    "black_box": "robustness.prediction.black_box",
    "checkpoint": "robustness.models.checkpoint",
    "difference": "robustness.models.difference",
    "entailment": "robustness.paraphrasing.entailment",
    "evidence": "robustness.evidence",
    "files": "robustness.storage.files",
    "index_service": "robustness.prediction.index_service",
    "instructions": "robustness.data.instructions",
    "llm_paraphraser": "robustness.paraphrasing.llm_paraphraser",
    "looks": "robustness.training.looks",
    "open": "robustness.cli.open",
    "packaged": "robustness.models.packaged",
    "papers": "robustness.models.papers",
    "user_tasks": "robustness.training.alignment.user_tasks",
    "perturbations": "robustness.evaluation.perturbations",
    "perturbed": "robustness.training.perturbed.experiment",
    "pipeline": "robustness.paraphrasing.pipeline",
    "provenance": "robustness.storage.provenance",
    "published": "robustness.evaluation.published",
    "quality": "robustness.training.backbone.quality",
    "ray_setup": "robustness.scoring.ray_setup",
    "recipe": "robustness.training.backbone.recipe",
    "remote": "robustness.cli.remote",
    "render_alterations": "robustness.cli.render.alterations",
    "render_evaluation": "robustness.cli.render.evaluation",
    "render_evidence": "robustness.cli.render.evidence",
    "render_imports": "robustness.cli.render.imports",
    "render_index": "robustness.cli.render.index",
    "render_paraphrases": "robustness.cli.render.paraphrases",
    "render_predictions": "robustness.cli.render.predictions",
    "render_quantiles": "robustness.cli.render.quantiles",
    "render_suggestions": "robustness.cli.render.suggestions",
    "render_tables": "robustness.cli.render.tables",
    "render_training": "robustness.cli.render.training",
    "result_cache": "robustness.storage.result_cache",
    "runner": "robustness.evaluation.prompteval.runner",
    "sentence_encoder": "robustness.models.sentence_encoder",
    "sets": "robustness.cli.sets",
    "sources": "robustness.data.importers.sources",
    "study": "robustness.evaluation.study",
    "subjects": "robustness.training.ablation.subjects",
    "suggestions": "robustness.suggestions",
    "surface": "robustness.paraphrasing.surface",
    "tasks": "robustness.data.tasks",
    "token_cost": "robustness.paraphrasing.token_cost",
    "tqdm": "tqdm",
    "tuning": "robustness.training.tuning.train",
    "tuning_card": "robustness.training.tuning.card",
    "tuning_difference": "robustness.training.tuning.difference",
    "tuning_recipe": "robustness.training.tuning.recipe",
    "types": "robustness.types",
    "user_instruction": "robustness.data.user_instruction",
    "workbench": "robustness.workbench",
}


def __getattr__(name: str) -> ModuleType:
    """A module of the table."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = importlib.import_module(_PLACES[name])
    globals()[name] = found
    return found
