"""The event handlers of the *Try* tab: predict, answer, measure, suggest.

Each handler calls the library and renders the result. For the layout see `try_tab.py`.
"""

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

import gradio as gr
from starlette.concurrency import run_in_threadpool

from robustness import urgency
from robustness.errors import RobustnessError
from robustness.types import Example, GenerationSettings, Tier
from robustness.urgency import Urgency
from server import errors, library
from server.access import Access
from server.clients import LOCAL, Client
from server.limits import LIVE, WHOLE_TASK
from server.page import cards, question
from server.page.question import EVIDENCE, OWN, Question, Shown
from server.page.streams import side_by_side
from server.page.visitor import client_of
from server.settings import Settings

if TYPE_CHECKING:
    from robustness.paraphrasing.llm_paraphraser import LlmParaphraser
    from robustness.prediction.ladder import Rung
    from robustness.prediction.query import Query
    from robustness.workbench import Workbench

_TITLE = "Predicted loss of accuracy"
_LINES = 12


class TryHandlers:
    """The handlers for one workbench."""

    def __init__(
        self, workbench: "Workbench", paraphraser: "LlmParaphraser | None" = None,
        access: Access | None = None,
    ) -> None:
        """Computes nothing yet.

        Args:
            workbench: Predicts, compares and measures.
            paraphraser: A language model that also suggests rewordings.
            access: The server's queues and limits.
        """
        self._access = access or Access(Settings())
        self._queues = self._access.admission
        self.workbench = workbench
        self.names = [t.id for t in workbench.tasks()]
        self._paraphraser = paraphraser

    def _query(self, asked: Question, example: Example | None) -> "Query":
        inputs = [] if example is None else [example]
        return self.workbench.resolve(asked.instruction, task=asked.given, inputs=inputs)

    def predict(
        self, asked: Question, before: Shown | None = None, client: Client = LOCAL
    ) -> tuple[tuple[str, str, str], Shown | None]:
        """Cards of the prediction, the nearest observed instructions and the exact prompt.

        Args:
            asked: The question.
            before: The last prediction, which is used again if its question is the same.
            client: Who asks.

        Returns:
            The cards, and the prediction; None if there is none.
        """
        if not asked.instruction.strip():
            return (cards.note(_TITLE, "Type an instruction."), "", ""), None
        try:
            example = asked.example()
            query = self._query(asked, example)
            made = before.prediction if before and before.about == asked.about() else None
            if made is None:
                self._access.spend("prompts", client, max(LIVE, sum(EVIDENCE[asked.evidence])))
                with self._queues.predictions.entered():
                    made = self._predicted(asked, query)
            shown = library.comparison.prompt(query)
        except RobustnessError as error:
            return (cards.note(_TITLE, errors.shown(error)), "", ""), None
        handed = Shown(about=asked.about(), prediction=made)
        return (cards.prediction(made), cards.nearest(made), cards.prompt(shown)), handed

    def _predicted(self, asked: Question, query: "Query") -> Any:
        if query.task is None and query.inputs and len(query.inputs[0].options) < 2:
            # An input without options cannot be scored, so the task is inferred.
            query = self._query(asked, None)
        probe, labelled = EVIDENCE[asked.evidence]
        return library.predictor.predict(
            query, self.workbench.catalog, model=asked.model, probe=probe, labelled=labelled
        )

    def reply(self, request: gr.Request, *values: Any) -> tuple[str, Shown | None]:
        """`predict` for the browser: cards with their question, and the prediction.

        Args:
            request: The event's.
            values: The fields of a `Question` in order, then the last prediction.
        """
        *fields, before = values
        shown, handed = self.predict(question.of(fields), before, client_of(request))
        return question.reply(fields, shown), handed

    async def answer(
        self,
        asked: Question,
        handed: Shown | None,
        aligned: str | None,
        settings: GenerationSettings,
        seen: list[list[str]],
    ) -> AsyncIterator[tuple[Any, ...]]:
        """Shows the option probabilities of both models, then their text while it is generated.

        Args:
            asked: The question.
            handed: Its prediction, for the line of the history.
            aligned: The model to compare with the original.
            settings: How text is sampled.
            seen: The history.

        Yields:
            Bars of both models, agreement card, both texts, the history and its card.
        """
        quiet = ("", "", "", "", seen, cards.history(seen))
        try:
            async with self._queues.generations.entered_async():
                async for step in self._answered(asked, handed, aligned, settings, seen):
                    yield step
        except RobustnessError as error:
            yield (cards.note("Answers", errors.shown(error)), *quiet)

    async def _answered(
        self,
        asked: Question,
        handed: Shown | None,
        aligned: str | None,
        settings: GenerationSettings,
        seen: list[list[str]],
    ) -> AsyncIterator[tuple[Any, ...]]:
        bench = self.workbench
        bars, agreement, chosen = ["", ""], "", ["", ""]
        models = [bench.original, *([aligned] if aligned else [])]
        example = asked.example()
        query = self._query(asked, example)
        if example is not None and len(example.options) > 1:
            # In a thread, since it waits for the model, and the event loop serves everybody.
            made = await run_in_threadpool(
                library.comparison.compare, query, bench.catalog, models=models
            )
            missing = [""] * (2 - len(made.answers))
            bars = [cards.options(made, n) for n in range(len(made.answers))] + missing
            agreement = cards.agreement(made)
            chosen = [a.option for a in made.answers] + missing
            prompt = made.prompt
        else:
            prompt = library.comparison.prompt(query).text
        texts = ["", ""]
        yield (*bars, agreement, *texts, seen, cards.history(seen))
        streams = [bench.engine.stream(model, prompt, settings) for model in models]
        async for number, piece in side_by_side(streams):
            texts[number] += piece
            yield (*bars, agreement, *texts, seen, cards.history(seen))
        known = handed is not None and handed.about == asked.about()
        line = handed.line() if handed is not None and known else "no number"
        seen = [[asked.instruction, asked.task, line, *chosen], *seen][:_LINES]
        yield (*bars, agreement, *texts, seen, cards.history(seen))

    async def answered(self, *values: Any) -> AsyncIterator[tuple[Any, ...]]:
        """`answer` for the browser.

        Args:
            values: The fields of a `Question` in order; its prediction; the aligned model; tokens,
                temperature, top p and seed; the history.
        """
        *fields, handed, aligned, tokens, temperature, top_p, seed, seen = values
        settings = GenerationSettings(
            max_tokens=int(tokens), temperature=temperature, top_p=top_p, seed=int(seed)
        )
        asked = question.of(fields)
        async for step in self.answer(asked, handed, aligned, settings, seen):
            yield step

    def measure(
        self,
        instruction: str,
        task: str,
        model: str,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
        request: gr.Request | None = None,
    ) -> Iterator[str]:
        """Yields a card after each tier of evidence, up to the measured degradation."""
        title = "From distance to measurement"
        if task == OWN:
            yield cards.note(title, "Choose a task: it needs labelled inputs.")
            return
        rungs: list[Rung] = []
        yield cards.ladder(rungs)
        try:
            self._access.spend("prompts", client_of(request), WHOLE_TASK)
            with self._queues.generations.entered():
                ladder = self.workbench.ladder(
                    instruction,
                    task=task,
                    model=model,
                    on_progress=lambda done, total: progress((done, total), unit="inputs"),
                )
                for rung in urgency.each(Urgency.LONG, ladder):
                    rungs.append(rung)
                    yield cards.ladder(rungs)
                if rungs[-1].prediction.tier is not Tier.MEASURED:
                    with urgency.urgent(Urgency.LONG):
                        made = self.workbench.measure(instruction, task=task, model=model)
                    yield cards.ladder(rungs) + cards.measurement(made)
        except RobustnessError as error:
            yield (cards.ladder(rungs) if rungs else "") + cards.note(title, errors.shown(error))

    def planned(self, task: str, model: str | None) -> str:
        """Card of the number of prompts that each tier of evidence needs."""
        if task == OWN:
            return cards.planned({Tier.DISTANCE: 1})
        try:
            return cards.planned(self.workbench.plan(task, model=model))
        except RobustnessError as error:
            return cards.note("Evidence", errors.shown(error))

    def advise(
        self, instruction: str, task: str, model: str, request: gr.Request | None = None
    ) -> tuple[str, str]:
        """Cards of suggested rewordings, and of the phrases that increase the distance."""
        if task == OWN:
            return cards.note(
                "What to ask instead", "Choose a task: rewordings are predicted on its inputs."
            ), ""
        try:
            self._access.spend("prompts", client_of(request), WHOLE_TASK)
            with self._queues.generations.entered(), urgency.urgent(Urgency.LONG):
                rows = library.suggestions.rewordings(
                    self.workbench,
                    instruction,
                    task=task,
                    model=model,
                    paraphraser=self._paraphraser,
                )
                phrases = library.suggestions.moved(
                    self.workbench, instruction, task=task, model=model
                )
        except RobustnessError as error:
            return cards.note("What to ask instead", errors.shown(error)), ""
        return cards.rewordings(rows), cards.moved(instruction, phrases)
