"""The command index info."""


from robustness import paths
from robustness.cli import library, output
from robustness.cli.options import (
    DEFAULT_MODEL,
    Format,
    Indexes,
    Json,
    Model,
    Prefixes,
    with_loading,
)
from robustness.models.load_options import PLAIN, Loading, PromptFormat


@with_loading
def info(
    model: Model = DEFAULT_MODEL,
    prefix: Prefixes = None,
    prompt_format: Format = PromptFormat.AUTO,
    loading: Loading = PLAIN,
    indexes: Indexes = paths.INDEXES,
    as_json: Json = False,
) -> None:
    """Shows the content of each saved index, and how accurate its calibrated predictions are."""
    engine = library.open.engine_of(model, prefix, prompt_format, loading)
    cards = library.index_service.info(engine, indexes)
    output.emit(cards, as_json, library.render_index.cards(cards))
