"""The *Batch* tab: scores an uploaded table as a job, which continues if the page is reloaded.

Does not score; see `server.jobs`.
"""

import html
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import pandas as pd
import plotly.express as px

from robustness import paths
from robustness.errors import NotFoundError, RobustnessError
from robustness.markup import in_plot
from server import errors
from server.access import Access
from server.job_files import Job, State
from server.jobs import Jobs
from server.page import cards
from server.page.look import ACCENT, CONTRAST
from server.page.upload_types import TABLES
from server.page.visitor import client_of
from server.settings import Settings

TEMPLATE = paths.ASSETS / "examples" / "instructions.csv"
_SHOWN = (
    "instruction",
    "task",
    "predicted_degradation",
    "low",
    "high",
    "in_support",
    "accuracy_original",
    "accuracy_aligned",
    "agree",
    "error",
)
_KEEP = "id => { localStorage.setItem('steadfast-job', id || ''); }"
_DOWNLOAD = (
    '<a class="sf-button" href="robustness/v1/jobs/{}/result" download>Download the result</a>'
)
"""The link is relative, so that it keeps the prefix that a reverse proxy puts before the paths."""
_TAKE_UP = "() => localStorage.getItem('steadfast-job') || ''"


class BatchTab:
    """Layout and handlers of the tab."""

    def __init__(self, jobs: Jobs, access: Access | None = None) -> None:
        self._jobs = jobs
        self._access = access or Access(Settings())
        self._queues = self._access.admission

    @staticmethod
    def template_folder() -> Path:
        """Folder of the template, which Gradio must be allowed to serve."""
        return TEMPLATE.parent

    def planned(self, file: str | None) -> str:
        """Card of the number of rows and prompts of a file."""
        if not file:
            return cards.note("Plan", "Upload a file to see what it takes.")
        try:
            with self._queues.uploads.entered():
                plan = self._jobs.plan(Path(file).name, Path(file).read_bytes())
        except RobustnessError as error:
            return cards.note("Plan", errors.shown(error))
        bad = "".join(
            f"<div>row {n + 1}: {escape(e)}</div>" for n, e in list(plan.errors.items())[:8]
        )
        return cards.card(
            "Plan",
            f"<div><b>{plan.rows}</b> rows, <b>{plan.calls}</b> model calls, "
            f"<b>{plan.bad_rows}</b> rows with errors (not scored; the result lists them)</div>"
            f'<div class="sf-sub">{bad}</div>',
        )

    def start(self, file: str | None, request: gr.Request | None = None) -> str | None:
        """Queues the file as a job and returns the job's id, which the browser stores.

        The upload is deleted: the job has its content.
        """
        if not file:
            raise gr.Error("Upload a file first.")
        try:
            client = client_of(request)
            with self._queues.uploads.entered():
                job = self._jobs.submit(
                    Path(file).name, Path(file).read_bytes(), owner=client.owner,
                    charge=partial(self._access.charge, client),
                )
        except FileNotFoundError as error:
            raise gr.Error("This upload was started already; upload the file again.") from error
        except RobustnessError as error:
            raise gr.Error(html.escape(errors.shown(error))) from error
        Path(file).unlink(missing_ok=True)
        return job.id

    def _job(self, job_id: str | None, request: gr.Request | None) -> Job | None:
        try:
            return self._jobs.get(job_id, client_of(request).owner) if job_id else None
        except RobustnessError:
            return None

    def look(self, job_id: str | None, request: gr.Request | None = None) -> tuple[Any, ...]:
        """The job's card, table, plots and file, and whether to refresh again."""
        job = self._job(job_id, request)
        active = job is not None and job.state in (State.QUEUED, State.RUNNING)
        if job is None or job.state is not State.DONE:
            hidden = gr.update(visible=False)
            return cards.job(job), hidden, hidden, hidden, hidden, gr.Timer(active=active)
        try:
            path = self._jobs.result(job.id)
            table = pd.read_csv(path)
        except (NotFoundError, OSError):  # the folder was deleted by hand
            hidden = gr.update(visible=False)
            gone = cards.note("Result", "The result of this job was deleted.")
            return gone, hidden, hidden, hidden, hidden, gr.Timer(active=False)
        shown = table[[c for c in _SHOWN if c in table.columns]].round(1)
        return (
            cards.job(job),
            gr.update(value=shown, visible=True),
            gr.update(value=predicted_plot(table), visible=True),
            gr.update(value=measured_plot(table), visible=bool(len(_measured(table)))),
            gr.update(value=_DOWNLOAD.format(job.id), visible=True),
            gr.Timer(active=False),
        )

    def cancel(self, job_id: str | None, request: gr.Request | None = None) -> str:
        """Cancels the job and returns its card."""
        job = self._job(job_id, request)
        return cards.job(self._jobs.cancel(job.id, job.owner) if job else None)

    def delete(self, job_id: str | None, request: gr.Request | None = None) -> str | None:
        """Deletes the job with its upload and result; returns the id that the browser keeps."""
        job = self._job(job_id, request)
        if job is not None:
            self._jobs.cancel(job.id, job.owner)
            self._jobs.remove(job.id, job.owner)
        return None

    def build(self, page: gr.Blocks) -> None:
        """Lays out the tab and connects its events."""
        # Not gr.BrowserState: the page's load event runs before that has read the stored value.
        kept = gr.Textbox(visible=False, elem_id="kept-job")
        timer = gr.Timer(1.0, active=False)
        with gr.Row():
            with gr.Column(min_width=320):
                file = gr.File(
                    label="CSV, TSV, JSON lines or Parquet with a column `instruction`",
                    file_types=list(TABLES),
                    elem_id="upload",
                )
                gr.DownloadButton(
                    "Take the template", value=str(TEMPLATE), size="sm", elem_id="template"
                )
            with gr.Column(min_width=320):
                plan = gr.HTML(
                    cards.note("Plan", "Upload a file to see what it takes."), elem_id="plan"
                )
                with gr.Row():
                    start = gr.Button("Start", variant="primary", elem_id="start")
                    cancel = gr.Button("Cancel", variant="stop", elem_id="cancel")
                    delete = gr.Button("Delete", elem_id="delete")
                status = gr.HTML(cards.job(None), elem_id="job")
                result = gr.HTML(visible=False, elem_id="result")
        chart = gr.Plot(visible=False, label="Predicted loss by row", elem_id="chart")
        measured = gr.Plot(
            visible=False, label="Measured accuracy by row", elem_id="measured-chart"
        )
        table = gr.Dataframe(
            visible=False,
            interactive=False,
            wrap=True,
            column_widths=["260px", "110px", *["110px"] * 7, "260px"],
            elem_id="table",
        )
        outputs = [status, table, chart, measured, result, timer]
        file.change(self.planned, file, plan, api_visibility="private")
        started = start.click(self.start, file, kept, api_visibility="private")
        started.success(None, kept, None, js=_KEEP, api_visibility="private")
        started.success(
            self.look, kept, outputs, show_progress="hidden", api_visibility="private"
        )
        timer.tick(self.look, kept, outputs, show_progress="hidden", api_visibility="private")
        cancel.click(self.cancel, kept, status, api_visibility="private")
        deleted = delete.click(self.delete, kept, kept, api_visibility="private")
        deleted.then(None, kept, None, js=_KEEP, api_visibility="private")
        deleted.then(self.look, kept, outputs, show_progress="hidden", api_visibility="private")
        self.take_up = (self.look, kept, outputs)
        """Handler, inputs and outputs that show the browser's job again."""
        page.load(None, None, kept, js=_TAKE_UP, api_visibility="private").then(
            self.look, kept, outputs, show_progress="hidden", api_visibility="private"
        )


def _labels(rows: pd.DataFrame) -> list[str]:
    return [
        in_plot(f"{n + 1}: {' '.join(str(t).split())[:48]}")
        for n, t in zip(rows.index, rows["instruction"], strict=True)
    ]


def _from_the_top(figure: Any, rows: int) -> Any:
    figure.update_yaxes(autorange="reversed", automargin=True)
    figure.update_layout(
        template="plotly_white",
        margin={"l": 10, "r": 10, "t": 44, "b": 40},
        height=160 + 26 * rows,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 1, "xanchor": "right"},
    )
    return figure


def predicted_plot(table: pd.DataFrame) -> Any:
    """Plot of the predicted degradation of the rows with its interval, in points."""
    known = table[table["predicted_degradation"].notna()]
    # This project's columns alone: a column of the user's may have any name.
    rows = known[["predicted_degradation", "low", "high"]].assign(row=_labels(known))
    rows["above"] = rows["high"] - rows["predicted_degradation"]
    rows["below"] = rows["predicted_degradation"] - rows["low"]
    figure = px.scatter(
        rows,
        x="predicted_degradation",
        y="row",
        error_x="above",
        error_x_minus="below",
        color_discrete_sequence=[ACCENT],
        labels={"predicted_degradation": "predicted loss, points (positive is worse)", "row": ""},
    )
    figure.add_vline(x=0, line_width=1)
    return _from_the_top(figure, len(rows))


def _measured(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that were measured on all of a task's inputs, not on a single one."""
    kept = table["accuracy_original"].notna()
    return table[kept & table["input"].isna()] if "input" in table else table[kept]


def measured_plot(table: pd.DataFrame) -> Any:
    """Plot of the measured accuracy of the original and the aligned model, by row."""
    known = _measured(table)
    models = {"accuracy_original": "original", "accuracy_aligned": "aligned"}
    rows = known[list(models)].assign(row=_labels(known))
    long = rows.melt("row", list(models), "model", "accuracy").dropna(subset="accuracy")
    figure = px.scatter(
        long.replace({"model": models}),
        x="accuracy",
        y="row",
        color="model",
        symbol="model",
        color_discrete_sequence=[CONTRAST, ACCENT],
        range_x=[-3, 103],
        labels={"accuracy": "measured accuracy, points", "row": "", "model": ""},
    )
    return _from_the_top(figure, len(rows))
