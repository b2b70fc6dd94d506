"""Exceptions that a user can act on; the command line prints them, the server replies with them.

Every one derives from `RobustnessError`; an exception of another kind is a bug.
"""


class RobustnessError(Exception):
    """Base class: an error that the user can fix; its message says what is wrong and what to do."""


class InputError(RobustnessError):
    """A value that the user gave is missing, malformed or unknown."""


class NotFoundError(InputError):
    """A task, model, prefix, job or file of that name does not exist."""


class MissingIndexError(NotFoundError):
    """A model has no observed index; whoever runs the server builds it."""


class ModelNotFoundError(NotFoundError):
    """The engine serves no model with that id."""


class MismatchError(RobustnessError):
    """Two saved files do not fit each other (another backbone, layer, prefix or schema number)."""


class CorruptFileError(RobustnessError):
    """A saved file is truncated, malformed or not the one that was written."""


class StorageError(RobustnessError):
    """Nothing can be written: the disk is full or read-only."""


class EngineError(RobustnessError):
    """The engine cannot answer at present; the same request may succeed later."""


class CancelledError(RobustnessError):
    """The user cancelled the work."""
