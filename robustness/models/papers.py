"""Finds a model's name and what ships beside it: card, adapters, opening examples, test-set log.

Reads no weights, so that a page can be shown before the libraries that do are loaded.
"""

from pathlib import Path

from robustness import paths
from robustness.storage import files

DIFFERENCE = "difference.json"
"""File by which the folder of a difference is known: see `models.difference`."""
DIFFERENCE_SCHEMA = 1
PACKAGED = "packaged.json"
"""File of a converted model's folder: what it was made of, and the hashes of its files."""
PACKAGED_SCHEMA = 1


def is_difference(model: str | Path) -> bool:
    """Whether this is the folder of a difference, not of a model."""
    return (Path(model) / DIFFERENCE).is_file()


def _recorded(folder: Path, what: str) -> str:
    """An entry of the record of a difference."""
    record = folder / DIFFERENCE
    document = files.read_json(record, schema=DIFFERENCE_SCHEMA)
    with files.well_formed(record):
        return str(document[what])


def model_id(model: str | Path) -> str:
    """The id under which a model is served.

    `steadfast-mini` for the embedded backbone, the tuned model's for a difference, else the end of
    its name.

    Raises:
        MismatchError, CorruptFileError: The difference's record has another schema, or is damaged.
    """
    path = Path(model)
    if not path.is_dir():
        return str(model).rsplit("/", maxsplit=1)[-1]
    if path.resolve() == paths.BACKBONE.resolve():
        return paths.BACKBONE_ID
    return _recorded(path, "model") if is_difference(path) else path.resolve().name


def made_of(folder: Path, difference: str) -> bool:
    """Whether a model's folder was made of the difference with this hash."""
    record = folder / PACKAGED
    if not record.is_file():
        return False
    document = files.read_json(record, schema=PACKAGED_SCHEMA)
    with files.well_formed(record):
        return bool(document["source"].get("difference") == difference)


def shipped(model: str | Path) -> Path | None:
    """The folder of `assets/` with what ships of a model.

    Args:
        model: The folder of the embedded backbone, of a difference, or of a model that was made of
            one; anything else ships nothing.
    """
    folder = Path(model).resolve()
    beside = paths.ASSETS / folder.name
    if folder == beside.resolve():
        return beside
    if not is_difference(beside) or not (folder / PACKAGED).is_file():
        return None
    return beside if made_of(folder, _recorded(beside, "hash")) else None


def folder_of(model: Path) -> Path:
    """The folder of a model's card, of what is in it, and of its test-set log.

    That of the difference where the model was made of one that ships, since the model's own is in a
    cache; else the model's own.
    """
    return shipped(model) or model
