"""The four tools of the MCP server: predict, measure, advise and compare. Off by default."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import gradio as gr

from robustness.storage import files
from robustness.urgency import Urgency, urgent
from server import library
from server.access import Access
from server.admission import Queue
from server.limits import LIVE, WHOLE_TASK
from server.page.visitor import client_of

if TYPE_CHECKING:
    from robustness.paraphrasing.llm_paraphraser import LlmParaphraser
    from robustness.workbench import Workbench


def _text(value: object) -> str:
    """A value as JSON; Gradio would write Python's own notation."""
    return json.dumps(files.plain(value), ensure_ascii=False)


def offer(
    workbench: "Workbench", access: Access, paraphraser: "LlmParaphraser | None"
) -> None:
    """Adds the tools to the page that is being laid out.

    Args:
        workbench: Predicts, measures and compares.
        access: The queues and limits.
        paraphraser: A language model that also suggests rewordings.
    """
    queues = access.admission

    @contextmanager
    def turn(request: gr.Request | None, queue: Queue, prompts: int) -> Iterator[None]:
        access.spend("prompts", client_of(request), prompts)
        long = queue is queues.generations
        with queue.entered(), urgent(Urgency.LONG if long else Urgency.LIVE):
            yield

    def predict(instruction: str, task: str, request: gr.Request | None = None) -> str:
        """Predicts how many points of accuracy a model loses under an instruction.

        Args:
            instruction: The wording, with placeholders such as {text} where the input goes.
            task: The id of a built-in task, such as place or scene_topic.
            request: The call.
        """
        with turn(request, queues.predictions, LIVE):
            return _text(workbench.predict(instruction, task=task))

    def measure(instruction: str, task: str, request: gr.Request | None = None) -> str:
        """Measures a model's accuracy under an instruction on a task's labelled inputs.

        Args:
            instruction: The wording, with placeholders such as {text} where the input goes.
            task: The id of a built-in task, such as place or scene_topic.
            request: The call.
        """
        with turn(request, queues.generations, WHOLE_TASK):
            return _text(workbench.measure(instruction, task=task))

    def advise(instruction: str, task: str, request: gr.Request | None = None) -> str:
        """Suggests rewordings of an instruction, least predicted loss first.

        Args:
            instruction: The wording, with placeholders such as {text} where the input goes.
            task: The id of a built-in task, such as place or scene_topic.
            request: The call.
        """
        with turn(request, queues.generations, WHOLE_TASK):
            return _text(library.suggestions.rewordings(
                workbench, instruction, task=task, paraphraser=paraphraser
            ))

    def compare(instruction: str, task: str, request: gr.Request | None = None) -> str:
        """Compares the answers of the original and the aligned model under an instruction.

        Args:
            instruction: The wording, with placeholders such as {text} where the input goes.
            task: The id of a built-in task, such as place or scene_topic.
            request: The call.
        """
        with turn(request, queues.predictions, LIVE):
            return _text(workbench.compare(instruction, task=task))

    for tool in (predict, measure, advise, compare):
        # Not queued: Gradio would send a queued call to itself, without the key of whoever calls.
        gr.api(tool, api_name=tool.__name__, queue=False)
