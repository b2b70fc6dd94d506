"""The command backbone train."""

from pathlib import Path
from typing import Annotated

import typer

from robustness import paths
from robustness.cli import library, output
from robustness.cli.options import Data, Json, corpora_of


def train(
    preset: Annotated[str, typer.Option(help="cpu, gpu, small or ci.")] = "cpu",
    out: Annotated[Path, typer.Option(help="Folder of the result.")] = paths.BACKBONE,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE for the preset's, such as seed=1; repeatable."),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(help="Stop at the first checkpoint after that; run it again to resume."),
    ] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Trains the embedded backbone from scratch; an interrupted training is resumed."""
    chosen = library.recipe.load(preset, settings or ())
    with output.progress("step") as report:
        def on_progress(made: "library.backbone.Progress") -> None:
            report(f"loss {made.loss:.3f}", made.step, made.steps)
            output.beside(library.render_training.training(made))

        folder = library.backbone.train(
            chosen, out, nltk_data=corpora_of(data), on_progress=on_progress,
            seconds=None if minutes is None else 60 * minutes,
        )
    finished = not (folder / library.provenance.CHECKPOINT_FILE).is_file()
    what = "trained" if finished else "stopped in time; the same command goes on"
    output.emit({"backbone": folder, "finished": finished}, as_json, f"{what}: {folder}")
