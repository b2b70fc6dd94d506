"""The robustness API: predict, compare, measure, and the engine's own protocol for remote clients.

Refuses to compute: each handler parses, makes one call, and shows.
"""

from typing import Any

from fastapi import APIRouter, Request

from robustness.models.evaluator import ShouldStop
from robustness.storage import files
from robustness.types import Measurement, Prompt
from robustness.workbench import Workbench
from server import wire
from server.connection import in_thread_while_connected


def routes(workbench: Workbench) -> APIRouter:
    """The endpoints on one workbench."""
    router = APIRouter(prefix="/robustness/v1", tags=["robustness"])
    engine = workbench.engine

    @router.get("/tasks")
    def tasks() -> dict[str, Any]:
        """The built-in tasks."""
        rows = [files.plain(task) for task in workbench.tasks()]
        return {"tasks": [{k: v for k, v in row.items() if k != "examples"} for row in rows]}

    @router.post("/predict")
    def predict(asked: wire.Predict) -> Any:
        """Nearest observed instructions and the predicted degradation."""
        made = workbench.predict(
            asked.instruction,
            task=asked.task,
            inputs=wire.examples(asked.inputs) or None,
            label_words=asked.label_words,
            model=asked.model,
            k=asked.k,
            probe=asked.probe,
            labelled=asked.labelled,
        )
        return files.plain(made)

    @router.post("/compare")
    def compare(asked: wire.Compare) -> Any:
        """The same instruction on the original and the aligned model."""
        task = None if asked.task is None else workbench.task(asked.task)
        given = wire.examples([] if asked.input is None else [asked.input], task)
        made = workbench.compare(
            asked.instruction,
            task=asked.task,
            example=given[0] if given else None,
            models=asked.models,
            label_words=asked.label_words,
        )
        return files.plain(made)

    @router.post("/measure")
    async def measure(asked: wire.Measure, request: Request) -> Any:
        """Accuracy on the task's labelled inputs, and the loss against the observed ones."""

        def work(should_stop: ShouldStop) -> Measurement:
            return workbench.measure(
                asked.instruction,
                task=asked.task,
                model=asked.model,
                label_words=asked.label_words,
                limit=asked.limit,
                should_stop=should_stop,
            )

        return files.plain(await in_thread_while_connected(request, work))

    @router.get("/engine")
    def describe() -> Any:
        """What another server's `--backend` needs to know."""
        return files.plain({"name": engine.name, "models": engine.models()})

    @router.post("/read")
    def read(asked: wire.Read) -> Any:
        """Option log-probabilities (nats) and representations of prompts."""
        prompts = [
            Prompt(instruction_id="", example_id="", text=p.text, options=tuple(p.options))
            for p in asked.prompts
        ]
        return files.plain({"readings": engine.read(asked.model, prompts)})

    @router.post("/chat_prompt")
    def chat_prompt(asked: wire.ChatPrompt) -> dict[str, str]:
        """The text that a model reads for a conversation."""
        return {"prompt": engine.chat_prompt(asked.model, [m.plain() for m in asked.messages])}

    @router.post("/count_tokens")
    def count_tokens(asked: wire.CountTokens) -> dict[str, list[int]]:
        """Tokens of texts as prompts."""
        return {"tokens": engine.count_tokens(asked.model, asked.texts)}

    return router
