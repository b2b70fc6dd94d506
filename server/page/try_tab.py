"""The *Try* tab: the prediction for one instruction, and the answers of both models.

Does not compute; see `robustness.workbench` and, for the HTML, `cards.py`.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from typing import Any

import gradio as gr

from robustness import suggestions
from robustness.data import tasks
from robustness.errors import RobustnessError
from robustness.paraphrasing.llm_paraphraser import LlmParaphraser
from robustness.prediction.predictor import Rung
from robustness.stats.interval_text import CHANGE, with_bounds
from robustness.types import CompletionChunk, Example, GenerationSettings, Tier
from robustness.workbench import Workbench
from server.page import cards
from server.page.alterations_panel import AlterationsPanel

OWN = "my own input"
GUIDED = (
    ("Say if this is someone's take or just what happens.", "subjectivity"),
    ("Where's {name} at?\n{story}", "place"),
    ("Is that a plus or a minus for whoever bought it?", "pros_cons"),
    ("What sort of thing would answer this?", "question_type"),
    ("Answer True, False or Neither.", "scene_topic"),
)
"""(instruction, task) of the examples that a click runs."""

EVIDENCE = {
    "unlabelled inputs, 16 (live)": (0, 0),
    "unlabelled inputs, 64": (64, 0),
    "labelled inputs, 16": (0, 16),
    "labelled inputs, 32": (0, 32),
    "labelled inputs, 64": (0, 64),
}
"""Choice of evidence -> number of (unlabelled, labelled) inputs to read."""

_LINES = 12


def label_of(example: Example) -> str:
    """Label of an input in the list of inputs."""
    text = " | ".join(example.fields.values())
    return text if len(text) <= 110 else text[:109] + "…"


async def side_by_side(
    streams: Sequence[AsyncIterator[CompletionChunk]],
) -> AsyncIterator[tuple[int, str]]:
    """Merges the text of several streams; an error of a stream is put into its text.

    Args:
        streams: One stream for each model. They are closed when the consumer stops.

    Yields:
        Index of the stream and the text to append.
    """
    waiting = {asyncio.ensure_future(anext(s)): n for n, s in enumerate(streams)}
    try:
        while waiting:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                number = waiting.pop(task)
                try:
                    chunk = task.result()
                except StopAsyncIteration:
                    continue
                except RobustnessError as error:
                    yield number, f" [stopped: {error}]"
                    continue
                waiting[asyncio.ensure_future(anext(streams[number]))] = number
                yield number, chunk.text
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for stream in streams:
            if isinstance(stream, AsyncGenerator):
                await stream.aclose()


class TryTab:
    """Layout and handlers of the tab."""

    def __init__(
        self, workbench: Workbench, paraphraser: LlmParaphraser | None = None
    ) -> None:
        self._workbench = workbench
        self._paraphraser = paraphraser
        self._names = [t.id for t in workbench.tasks()]
        self._alterations = AlterationsPanel(workbench)

    def _inputs(self, task: str) -> list[tuple[str, str]]:
        if task == OWN:
            return []
        return [(label_of(e), e.id) for e in tasks.builtin(task).split("dev")[:40]]

    def _example(self, task: str, chosen: str | None, text: str, options: str) -> Example | None:
        if task == OWN:
            if not text.strip():
                return None
            listed = tuple(o.strip() for o in options.split("|") if o.strip())
            return Example(task="", fields={"text": text}, options=listed)
        examples = tasks.builtin(task).split("dev")
        return next((e for e in examples if e.id == chosen), examples[0])

    def predict(
        self,
        instruction: str,
        task: str,
        chosen: str | None,
        text: str,
        options: str,
        model: str,
        evidence: str = next(iter(EVIDENCE)),
    ) -> tuple[str, str, str]:
        """Cards of the prediction, the nearest observed instructions and the exact prompt."""
        if not instruction.strip():
            waiting = cards.note("Predicted loss of accuracy", "Type an instruction.")
            return waiting, "", ""
        try:
            example = self._example(task, chosen, text, options)
            given = None if task == OWN else task
            probe, labelled = EVIDENCE[evidence]
            made = self._workbench.predict(
                instruction,
                task=given,
                model=model,
                probe=probe,
                labelled=labelled,
                inputs=[example] if task == OWN and example and len(example.options) > 1 else None,
            )
            shown = self._workbench.prompt(instruction, task=given, example=example)
        except RobustnessError as error:
            return cards.note("Predicted loss of accuracy", str(error)), "", ""
        return cards.prediction(made), cards.nearest(made), cards.prompt(shown)

    async def answer(
        self,
        instruction: str,
        task: str,
        chosen: str | None,
        text: str,
        options: str,
        aligned: str | None,
        tokens: float,
        temperature: float,
        top_p: float,
        seed: float,
        seen: list[list[str]],
    ) -> AsyncIterator[tuple[Any, ...]]:
        """Shows the option probabilities of both models, then their text while it is generated.

        Yields:
            Bars of both models, agreement card, both texts, the history and its card.
        """
        bench = self._workbench
        quiet = ("", "", "", "", seen, cards.history(seen))
        example = self._example(task, chosen, text, options)
        given = None if task == OWN else task
        models = [bench.original, *([aligned] if aligned else [])]
        try:
            shown = bench.prompt(instruction, task=given, example=example)
        except RobustnessError as error:
            yield (cards.note("Answers", str(error)), *quiet)
            return
        bars, agreement, chosen_options = ["", ""], "", ["", ""]
        if example is not None and len(example.options) > 1:
            try:
                made = bench.compare(instruction, task=given, example=example, models=models)
            except RobustnessError as error:
                yield (cards.note("Answers", str(error)), *quiet)
                return
            bars = [cards.options(made, n) for n in range(len(made.answers))] + [""] * (
                2 - len(made.answers)
            )
            agreement = cards.agreement(made)
            chosen_options = [a.option for a in made.answers] + [""] * (2 - len(made.answers))
        texts = ["", ""]
        yield (*bars, agreement, *texts, seen, cards.history(seen))
        settings = GenerationSettings(
            max_tokens=int(tokens), temperature=temperature, top_p=top_p, seed=int(seed)
        )
        streams = [bench.engine.stream(model, shown.text, settings) for model in models]
        async for number, piece in side_by_side(streams):
            texts[number] += piece
            yield (*bars, agreement, *texts, seen, cards.history(seen))
        predicted = self._predicted(instruction, given)
        seen = [[instruction, task, predicted, *chosen_options], *seen][:_LINES]
        yield (*bars, agreement, *texts, seen, cards.history(seen))

    def _predicted(self, instruction: str, task: str | None) -> str:
        try:
            made = self._workbench.predict(instruction, task=task)
        except RobustnessError:
            return "no number"
        if made.degradation is None or made.low is None or made.high is None:
            return "no number"
        return with_bounds(made.degradation, made.low, made.high, CHANGE)

    def measure(
        self,
        instruction: str,
        task: str,
        model: str,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Iterator[str]:
        """Yields a card after each tier of evidence, up to the measured degradation."""
        title = "From distance to measurement"
        if task == OWN:
            yield cards.note(title, "Choose a task: it needs labelled inputs.")
            return
        rungs: list[Rung] = []
        yield cards.ladder(rungs)
        try:
            for rung in self._workbench.ladder(
                instruction,
                task=task,
                model=model,
                on_progress=lambda done, total: progress((done, total), unit="inputs"),
            ):
                rungs.append(rung)
                yield cards.ladder(rungs)
            if rungs[-1].prediction.tier is not Tier.MEASURED:
                made = self._workbench.measure(instruction, task=task, model=model)
                yield cards.ladder(rungs) + cards.measurement(made)
        except RobustnessError as error:
            yield (cards.ladder(rungs) if rungs else "") + cards.note(title, str(error))

    def planned(self, task: str, model: str) -> str:
        """Card of the number of prompts that each tier of evidence needs."""
        if task == OWN:
            return cards.planned({Tier.DISTANCE: 1})
        try:
            return cards.planned(self._workbench.plan(task, model=model))
        except RobustnessError as error:
            return cards.note("Evidence", str(error))

    def advise(self, instruction: str, task: str, model: str) -> tuple[str, str]:
        """Cards of suggested rewordings, and of the phrases that increase the distance."""
        if task == OWN:
            return cards.note(
                "What to ask instead", "Choose a task: rewordings are predicted on its inputs."
            ), ""
        try:
            rows = suggestions.rewordings(
                self._workbench,
                instruction,
                task=task,
                model=model,
                paraphraser=self._paraphraser,
            )
            phrases = suggestions.moved(self._workbench, instruction, task=task, model=model)
        except RobustnessError as error:
            return cards.note("What to ask instead", str(error)), ""
        return cards.rewordings(rows), cards.moved(instruction, phrases)

    def _shown(self, task: str) -> tuple[Any, Any, Any]:
        own = task == OWN
        listed = self._inputs(task)
        return (
            gr.update(choices=listed, value=listed[0][1] if listed else None, visible=not own),
            gr.update(visible=own),
            gr.update(visible=own),
        )

    def build(self) -> None:
        """Lays out the tab and connects its events."""
        bench = self._workbench
        first, task_name = (
            GUIDED[0][0],
            GUIDED[0][1] if GUIDED[0][1] in self._names else self._names[0],
        )
        seen = gr.State([])
        with gr.Row():
            with gr.Column(scale=5, min_width=320):
                instruction = gr.Textbox(
                    value=first,
                    lines=3,
                    max_lines=10,
                    label="Instruction",
                    elem_id="instruction",
                    info="Any phrasing; {text} and the like put the input where you want it.",
                )
                with gr.Row():
                    task = gr.Dropdown(
                        [*self._names, OWN], value=task_name, label="Task", elem_id="task"
                    )
                    model = gr.Dropdown(
                        [bench.original, *bench.aligned],
                        value=bench.original,
                        label="Predict for",
                        elem_id="model",
                    )
                evidence = gr.Dropdown(
                    list(EVIDENCE),
                    value=next(iter(EVIDENCE)),
                    label="Evidence to predict from: prompts that are read",
                    elem_id="evidence",
                )
                listed = self._inputs(task_name)
                chosen = gr.Dropdown(listed, value=listed[0][1], label="Input", elem_id="input")
                text = gr.Textbox(label="Your input", lines=2, visible=False, elem_id="own-input")
                options = gr.Textbox(
                    label="Its options, separated by |", visible=False, elem_id="own-options"
                )
                with gr.Row():
                    run = gr.Button("Ask both models", variant="primary", elem_id="run")
                    measure = gr.Button("Measure it", elem_id="measure")
                    suggest = gr.Button("Suggest rewordings", elem_id="suggest")
                    stop = gr.Button("Stop", variant="stop", elem_id="stop")
                planned = gr.HTML(self.planned(task_name, bench.original), elem_id="planned")
                with gr.Accordion("Generation settings", open=False):
                    aligned = gr.Dropdown(
                        list(bench.aligned),
                        value=next(iter(bench.aligned), None),
                        label="Aligned model (prefix)",
                    )
                    tokens = gr.Slider(1, 64, 8, step=1, label="Tokens at the most")
                    temperature = gr.Slider(0, 2, 0, step=0.1, label="Temperature")
                    top_p = gr.Slider(0.05, 1, 1, step=0.05, label="Top p")
                    seed = gr.Number(0, precision=0, label="Seed")
                gr.Markdown("**Examples** (one click runs them)")
                with gr.Row():
                    guided = [
                        gr.Button(f"{t}: {i.splitlines()[0][:44]}", size="sm")
                        for i, t in GUIDED
                        if t in self._names
                    ]
            with gr.Column(scale=6, min_width=320):
                predicted = gr.HTML(elem_id="prediction")
                measured = gr.HTML(elem_id="measured")
                nearest = gr.HTML(elem_id="nearest")
                moved = gr.HTML(elem_id="moved")
                suggested = gr.HTML(elem_id="rewordings")
        with gr.Row():
            with gr.Column(min_width=300):
                left_bars = gr.HTML(elem_id="bars-original")
                left = gr.Textbox(
                    label="Original, free answer", interactive=False, elem_id="text-original"
                )
            with gr.Column(min_width=300):
                right_bars = gr.HTML(elem_id="bars-aligned")
                right = gr.Textbox(
                    label="Aligned, free answer", interactive=False, elem_id="text-aligned"
                )
        agreement = gr.HTML(elem_id="agreement")
        prompt = gr.HTML(elem_id="prompt")
        altering = self._alterations.build(instruction, task, model)
        history = gr.HTML(cards.history([]), elem_id="history")

        asked = [instruction, task, chosen, text, options]
        shown = [predicted, nearest, prompt]
        answers = [left_bars, right_bars, agreement, left, right, seen, history]
        settings = [aligned, tokens, temperature, top_p, seed, seen]
        for source in (
            instruction.input,
            text.input,
            options.input,
            chosen.change,
            model.change,
            evidence.change,
        ):
            # While the user types, only the newest text is predicted.
            source(
                self.predict,
                [*asked, model, evidence],
                shown,
                trigger_mode="always_last",
                show_progress="hidden",
                concurrency_limit=2,
                api_visibility="private",
            )
        task.change(
            self._shown,
            task,
            [chosen, text, options],
            show_progress="hidden",
            api_visibility="private",
        ).then(
            self.predict,
            [*asked, model, evidence],
            shown,
            show_progress="hidden",
            api_visibility="private",
        )
        gr.on(
            [task.change, model.change],
            self.planned,
            [task, model],
            planned,
            show_progress="hidden",
            api_visibility="private",
        )
        running = run.click(
            self.answer,
            [*asked, *settings],
            answers,
            show_progress="hidden",
            api_visibility="private",
        )
        measuring = measure.click(
            self.measure, [instruction, task, model], measured, api_visibility="private"
        )
        advising = suggest.click(
            self.advise,
            [instruction, task, model],
            [suggested, moved],
            api_visibility="private",
        )
        stop.click(
            None, None, None, cancels=[running, measuring, advising, altering],
            api_visibility="private",
        )
        kept = [g for g in GUIDED if g[1] in self._names]
        for button, (words, name) in zip(guided, kept, strict=True):
            button.click(
                lambda w=words, n=name: (w, n, *self._shown(n)),
                None,
                [instruction, task, chosen, text, options],
                show_progress="hidden",
                api_visibility="private",
            ).then(
                self.predict,
                [*asked, model, evidence],
                shown,
                show_progress="hidden",
                api_visibility="private",
            ).then(
                self.answer,
                [*asked, *settings],
                answers,
                show_progress="hidden",
                api_visibility="private",
            )
        self._load = (self.predict, [*asked, model, evidence], shown)

    def on_load(self, page: gr.Blocks) -> None:
        """Predicts the first example when the page opens."""
        handler, inputs, outputs = self._load
        page.load(handler, inputs, outputs, show_progress="hidden", api_visibility="private")
