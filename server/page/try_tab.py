"""The layout of the *Try* tab: one instruction, its prediction, and the answers of both models.

Each card has a function. For the event handlers see `try_handlers.py`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from server.access import Access
from server.page import cards, question
from server.page.alterations_panel import AlterationsPanel
from server.page.question import EVIDENCE, OWN
from server.page.try_handlers import TryHandlers

if TYPE_CHECKING:
    from robustness.paraphrasing.llm_paraphraser import LlmParaphraser
    from robustness.workbench import Workbench

GUIDED = (
    ("Say if this is someone's take or just what happens.", "subjectivity"),
    ("Where's {name} at?\n{story}", "place"),
    ("Is that a plus or a minus for whoever bought it?", "pros_cons"),
    ("What sort of thing would answer this?", "question_type"),
    ("Answer True, False or Neither.", "scene_topic"),
)
"""(instruction, task) of the examples that a click runs."""

_LATE = """() => {
  for (const id of ['prediction', 'nearest', 'prompt'])
    document.getElementById(id)?.setAttribute('data-late', '');
}"""
"""Hides the cards of the previous text as soon as the text changes."""

_SHOW = """(...values) => {
  const shown = values.splice(-3);
  const reply = JSON.parse(values.pop() || '{}');
  if (JSON.stringify(values) !== JSON.stringify(reply.asked)) return shown;
  for (const id of ['prediction', 'nearest', 'prompt'])
    document.getElementById(id)?.removeAttribute('data-late');
  return reply.cards;
}"""
"""Shows a reply if its question is still that of the inputs, and drops it otherwise."""

_QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Form:
    """The components for the fields of a `Question`, in their order."""

    instruction: Any
    task: Any
    chosen: Any
    text: Any
    options: Any
    model: Any
    evidence: Any

    def inputs(self) -> list[Any]:
        """The components."""
        return [
            self.instruction, self.task, self.chosen, self.text, self.options, self.model,
            self.evidence,
        ]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Buttons:
    """The buttons below the form."""

    run: Any
    measure: Any
    suggest: Any
    stop: Any


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Found:
    """Cards of the prediction, the measurement and the suggestions."""

    predicted: Any
    nearest: Any
    measured: Any
    moved: Any
    suggested: Any


def _form(tab: TryHandlers, instruction: str, task: str) -> _Form:
    """Lays out the instruction, its task or input, the model and the choice of evidence."""
    written = gr.Textbox(
        value=instruction,
        lines=3,
        max_lines=10,
        label="Instruction",
        elem_id="instruction",
        info="Any phrasing; {text} and the like put the input where you want it.",
    )
    with gr.Row():
        named = gr.Dropdown([*tab.names, OWN], value=task, label="Task", elem_id="task")
        model = gr.Dropdown([], label="Predict for", elem_id="model")
    evidence = gr.Dropdown(
        list(EVIDENCE),
        value=next(iter(EVIDENCE)),
        label="Evidence to predict from: prompts that are read",
        elem_id="evidence",
    )
    listed = question.listed(task)
    chosen = gr.Dropdown(listed, value=listed[0][1], label="Input", elem_id="input")
    text = gr.Textbox(label="Your input", lines=2, visible=False, elem_id="own-input")
    options = gr.Textbox(
        label="Its options, separated by |", visible=False, elem_id="own-options"
    )
    return _Form(
        instruction=written, task=named, chosen=chosen, text=text, options=options, model=model,
        evidence=evidence,
    )


def _buttons() -> _Buttons:
    with gr.Row():
        return _Buttons(
            run=gr.Button("Ask both models", variant="primary", elem_id="run"),
            measure=gr.Button("Measure it", elem_id="measure"),
            suggest=gr.Button("Suggest rewordings", elem_id="suggest"),
            stop=gr.Button("Stop", variant="stop", elem_id="stop"),
        )


def _sampling() -> list[Any]:
    """Lays out the aligned model and the sampling settings: see `TryHandlers.answered`."""
    with gr.Accordion("Generation settings", open=False):
        return [
            gr.Dropdown([], label="Aligned model (prefix)"),
            gr.Slider(1, 64, 8, step=1, label="Tokens at the most"),
            gr.Slider(0, 2, 0, step=0.1, label="Temperature"),
            gr.Slider(0.05, 1, 1, step=0.05, label="Top p"),
            gr.Number(0, precision=0, label="Seed"),
        ]


def _examples(tab: TryHandlers) -> list[tuple[Any, tuple[str, str]]]:
    """A button for each example whose task is served, with its text and task."""
    gr.Markdown("**Examples** (one click runs them)")
    with gr.Row():
        return [
            (gr.Button(f"{task}: {text.splitlines()[0][:44]}", size="sm"), (text, task))
            for text, task in GUIDED
            if task in tab.names
        ]


def _found() -> _Found:
    return _Found(
        predicted=gr.HTML(elem_id="prediction"),
        measured=gr.HTML(elem_id="measured"),
        nearest=gr.HTML(elem_id="nearest"),
        moved=gr.HTML(elem_id="moved"),
        suggested=gr.HTML(elem_id="rewordings"),
    )


def _answers() -> list[Any]:
    """Lays out the bars of both models, the agreement and both texts."""
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
    return [left_bars, right_bars, gr.HTML(elem_id="agreement"), left, right]


def _shown(task: str) -> tuple[Any, Any, Any]:
    """The list of a task's inputs, or the text boxes for a user input."""
    own = task == OWN
    listed = question.listed(task)
    return (
        gr.update(choices=listed, value=listed[0][1] if listed else None, visible=not own),
        gr.update(visible=own),
        gr.update(visible=own),
    )


class TryTab(TryHandlers):
    """The tab on one workbench."""

    def __init__(
        self, workbench: "Workbench", paraphraser: "LlmParaphraser | None" = None,
        access: Access | None = None,
    ) -> None:
        super().__init__(workbench, paraphraser, access)
        self._alterations = AlterationsPanel(workbench, access)

    def build(self) -> None:
        """Lays out the tab and connects its events."""
        text, task = GUIDED[0]
        task = task if task in self.names else self.names[0]
        self._seen, self._handed = gr.State([]), gr.State(None)
        self._reply = gr.Textbox(visible=False, elem_id="reply")
        with gr.Row():
            with gr.Column(scale=5, min_width=320):
                form = self._form = _form(self, text, task)
                buttons = _buttons()
                planned = gr.HTML(self.planned(task, None), elem_id="planned")
                self._sampling = _sampling()
                examples = _examples(self)
            with gr.Column(scale=6, min_width=320):
                found = self._found = _found()
        self._answers = _answers()
        self._prompt = gr.HTML(elem_id="prompt")
        altering = self._alterations.build(form.instruction, form.task, form.model)
        self._history = gr.HTML(cards.history([]), elem_id="history")
        self._wire_prediction()
        gr.on(
            [form.task.change, form.model.change], self.planned, [form.task, form.model], planned,
            **_QUIET,
        )
        running = self._asked(self._predicting(buttons.run.click, **_QUIET))
        asked = [form.instruction, form.task, form.model]
        measuring = buttons.measure.click(
            self.measure, asked, found.measured, api_visibility="private"
        )
        advising = buttons.suggest.click(
            self.advise, asked, [found.suggested, found.moved], api_visibility="private"
        )
        for button, example in examples:
            running += self._asked(self._run_example(button, *example))
        buttons.stop.click(
            None, None, None, cancels=[*running, measuring, advising, altering],
            api_visibility="private",
        )

    def _wire_prediction(self) -> None:
        """Predicts anew whenever what is asked changes, however it came to."""
        form = self._form
        # Not `input` of the boxes, which pasting, cutting, Delete and undo do not send.
        typed = [
            form.instruction.change, form.text.change, form.options.change, form.chosen.input,
            form.model.change, form.evidence.change,
        ]
        gr.on([*typed, form.task.input], None, None, None, js=_LATE, api_visibility="private")
        # While the user types, only the newest text is predicted.
        self._predicting(
            lambda *given, **named: gr.on(typed, *given, **named),
            trigger_mode="always_last", concurrency_limit=2, **_QUIET,
        )
        switched = form.task.input(
            _shown, form.task, [form.chosen, form.text, form.options], **_QUIET
        )
        self._predicting(switched.then, **_QUIET)

    def _predicting(self, event: Any, **named: Any) -> Any:
        """Has an event predict, and show what is not late by then."""
        form = self._form.inputs()
        made = event(
            self.reply, [*form, self._handed], [self._reply, self._handed], **named
        )
        return self._revealed(made.then)

    def _revealed(self, event: Any) -> Any:
        cards_ = [self._found.predicted, self._found.nearest, self._prompt]
        return event(
            None, [*self._form.inputs(), self._reply, *cards_], cards_, js=_SHOW,
            api_visibility="private",
        )

    def _asked(self, before: Any) -> list[Any]:
        """Has both models answer after what comes before; the events, for what may cancel them."""
        form = self._form.inputs()
        return [
            before.then(
                self.answered, [*form, self._handed, *self._sampling, self._seen],
                [*self._answers, self._seen, self._history], **_QUIET,
            )
        ]

    def _run_example(self, button: Any, text: str, task: str) -> Any:
        """One click puts an example into the form."""
        form = self._form
        set_out = button.click(
            lambda: (text, task, *_shown(task)), None,
            [form.instruction, form.task, form.chosen, form.text, form.options], **_QUIET,
        )
        return self._predicting(set_out.then, **_QUIET)

    @property
    def late(self) -> list[Any]:
        """The choosers of models, which `loaded` fills."""
        return [self._form.model, self._sampling[0]]

    def loaded(self) -> tuple[Any, Any]:
        """Updates of `late` once the model is loaded; the original is then predicted for.

        Raises:
            EngineError: The model is not loaded.
        """
        bench = self.workbench
        return (
            gr.update(choices=[bench.original, *bench.aligned], value=bench.original),
            gr.update(choices=list(bench.aligned), value=next(iter(bench.aligned), None)),
        )

    def on_load(self, page: gr.Blocks) -> None:
        """Predicts the first example when the page opens."""
        self._predicting(page.load, **_QUIET)
