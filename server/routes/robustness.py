"""The robustness API: predict, compare, measure, and the engine's own protocol for remote clients.

Refuses to compute: each handler parses, makes one call, and shows.
"""

from typing import Any

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool

from robustness import storage
from robustness.types import Prompt
from robustness.workbench import Workbench
from server import wire


def routes(workbench: Workbench) -> APIRouter:
    """The endpoints on one workbench."""
    router = APIRouter(prefix="/robustness/v1", tags=["robustness"])
    engine = workbench.engine

    @router.get("/tasks")
    async def tasks() -> dict[str, Any]:
        """The built-in tasks."""
        rows = [storage.plain(task) for task in workbench.tasks()]
        return {"tasks": [{k: v for k, v in row.items() if k != "examples"} for row in rows]}

    @router.post("/predict")
    async def predict(request: wire.Predict) -> Any:
        """Nearest observed instructions and the predicted degradation."""
        made = await run_in_threadpool(
            workbench.predict, request.instruction, task=request.task,
            inputs=wire.examples(request.inputs, request.task or "") or None,
            label_words=request.label_words, model=request.model, k=request.k,
        )
        return storage.plain(made)

    @router.post("/compare")
    async def compare(request: wire.Compare) -> Any:
        """The same instruction on the original and the aligned model."""
        given = wire.examples([request.input] if request.input else None, request.task or "")
        made = await run_in_threadpool(
            workbench.compare, request.instruction, task=request.task,
            example=given[0] if given else None, models=request.models,
            label_words=request.label_words,
        )
        return storage.plain(made)

    @router.post("/measure")
    async def measure(request: wire.Measure) -> Any:
        """Accuracy on the task's labelled inputs, and the loss against the observed ones."""
        made = await run_in_threadpool(
            workbench.measure, request.instruction, task=request.task, model=request.model,
            label_words=request.label_words, limit=request.limit,
        )
        return storage.plain(made)

    @router.get("/engine")
    async def describe() -> Any:
        """What another server's `--backend` needs to know."""
        return storage.plain({"name": engine.name, "models": engine.models()})

    @router.post("/engine/read")
    async def read(request: wire.EngineRead) -> Any:
        """Option log-probabilities and representations of prompts."""
        prompts = [
            Prompt(instruction_id="", example_id="", text=p.text, options=tuple(p.options))
            for p in request.prompts
        ]
        done = await run_in_threadpool(engine.read, request.model, prompts)
        return storage.plain({"readings": done})

    @router.post("/engine/chat_prompt")
    async def chat_prompt(request: wire.EngineChat) -> dict[str, str]:
        """The text that a model reads for a conversation."""
        messages = [m.plain() for m in request.messages]
        return {"prompt": engine.chat_prompt(request.model, messages)}

    return router
