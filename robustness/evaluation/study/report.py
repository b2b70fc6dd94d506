"""Renders the report of an evaluation as one HTML page that needs no network."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from robustness.evaluation.study.plots import plots
from robustness.evaluation.study.sheets import sheets
from robustness.evaluation.study.values import Study

_TEMPLATE = "report.html.jinja"
_CONFIG = {"responsive": True, "displaylogo": False}


def page(study: Study) -> str:
    """The report as HTML, with plots, tables and plotly's script included."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )
    figures = [
        {
            "name": plot.name, "title": plot.title, "note": plot.note,
            "html": plot.figure.to_html(
                full_html=False, include_plotlyjs=False, config=_CONFIG, div_id=plot.name,
            ),
        }
        for plot in plots(study)
    ]
    return environment.get_template(_TEMPLATE).render(
        study=study, figures=figures, sheets=sheets(study), script=get_plotlyjs(),
    )
