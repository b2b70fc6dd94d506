"""Notes each look at the unobserved-test instructions in the log of the backbone that it was at."""

from collections.abc import Iterable
from pathlib import Path

from robustness.data import test_set_log
from robustness.models import papers
from robustness.storage import provenance


def note(model: str | Path, ids: Iterable[str], what: str) -> None:
    """Adds an entry for each of the models; nothing where the backbone was not trained here.

    Args:
        model: The backbone, as `--model` takes it.
        ids: Ids of the models that are looked at: the backbone's own, or of one aligned on it.
        what: What is measured.

    Raises:
        CorruptFileError: The existing log is malformed.
    """
    folder = Path(model)
    if not (folder / provenance.TRAINING_FILE).is_file():
        return
    for one in ids:
        test_set_log.append(papers.folder_of(folder), one, what, weights=folder)
