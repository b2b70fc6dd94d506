"""The endpoints of the robustness API: predict, compare, measure, and the engine's for clients.

Through the engine's endpoints, another Steadfast server or a command uses the model of this server;
see `remote_engine.py`.
"""

from collections.abc import Sequence

from fastapi import APIRouter, Request

from robustness.models.evaluator import ShouldStop
from robustness.types import Comparison, Measurement, Prediction, Prompt
from robustness.urgency import urgent
from robustness.workbench import Workbench
from server.access import Access
from server.connection import in_thread_while_connected
from server.routes.admitted import admitted, urgency_of
from server.wire import robustness as wire


def routes(workbench: Workbench, access: Access) -> APIRouter:
    """The endpoints of the robustness API.

    Args:
        workbench: Predicts, compares and measures.
        access: The queues and limits.
    """
    router = APIRouter(prefix="/robustness/v1", tags=["robustness"])
    engine = workbench.engine

    def check(place: str, rows: Sequence[wire.Input | wire.ReadPrompt]) -> None:
        for number, row in enumerate(rows):
            access.settings.limits.check("options", len(row.options), f"{place}[{number}].options")

    @router.get("/tasks")
    def tasks() -> wire.TaskList:
        """The built-in tasks."""
        return wire.TaskList(tasks=[wire.TaskRow.model_validate(t) for t in workbench.tasks()])

    @router.post("/predict", dependencies=[admitted(access, wire.Predict)])
    def predict(asked: wire.Predict) -> Prediction:
        """The nearest observed instructions and the predicted degradation."""
        check("inputs", asked.inputs)
        with urgent(urgency_of(asked)):
            return workbench.predict(
                asked.instruction,
                task=asked.task,
                inputs=wire.examples(asked.inputs) or None,
                label_words=asked.label_words,
                model=asked.model,
                k=asked.k,
                probe=asked.probe,
                labelled=asked.labelled,
            )

    @router.post("/compare", dependencies=[admitted(access, wire.Compare)])
    def compare(asked: wire.Compare) -> Comparison:
        """The same instruction on the original and the aligned model."""
        task = None if asked.task is None else workbench.task(asked.task)
        check("input", [] if asked.input is None else [asked.input])
        given = wire.examples([] if asked.input is None else [asked.input], task)
        return workbench.compare(
            asked.instruction,
            task=asked.task,
            example=given[0] if given else None,
            models=asked.models,
            label_words=asked.label_words,
        )

    @router.post("/measure", dependencies=[admitted(access, wire.Measure)])
    async def measure(asked: wire.Measure, request: Request) -> Measurement:
        """Accuracy on the task's labelled inputs, and the degradation."""

        def work(should_stop: ShouldStop) -> Measurement:
            with urgent(urgency_of(asked)):
                return workbench.measure(
                    asked.instruction,
                    task=asked.task,
                    model=asked.model,
                    label_words=asked.label_words,
                    limit=asked.limit,
                    should_stop=should_stop,
                )

        return await in_thread_while_connected(request, work)

    @router.get("/engine")
    def describe() -> wire.EngineRow:
        """The engine and its models, as another server's `--backend` needs them."""
        return wire.EngineRow(name=engine.name, models=engine.models())

    @router.post("/read", dependencies=[admitted(access, wire.Read)])
    def read(asked: wire.Read) -> wire.Readings:
        """Option log-probabilities (nats) and representations of prompts."""
        check("prompts", asked.prompts)
        prompts = [
            Prompt(instruction_id="", example_id="", text=p.text, options=tuple(p.options))
            for p in asked.prompts
        ]
        with urgent(urgency_of(asked)):
            readings = engine.read(asked.model, prompts)
        rows = [
            wire.ReadingRow(
                prompt_id=made.prompt_id, option_logprobs=made.option_logprobs.tolist(),
                representation=made.representation.tolist(),
            )
            for made in readings
        ]
        return wire.Readings(readings=rows)

    @router.post("/chat_prompt", dependencies=[admitted(access, wire.ChatPrompt)])
    def chat_prompt(asked: wire.ChatPrompt) -> wire.PromptText:
        """The prompt text of a conversation in the model's chat format."""
        messages = [m.plain() for m in asked.messages]
        return wire.PromptText(
            prompt=engine.chat_prompt(asked.model, messages, asked.chat_template_kwargs)
        )

    @router.post("/count_tokens", dependencies=[admitted(access, wire.CountTokens)])
    def count_tokens(asked: wire.CountTokens) -> wire.TokenCounts:
        """The number of tokens of each text as a prompt."""
        return wire.TokenCounts(tokens=engine.count_tokens(asked.model, asked.texts))

    return router
