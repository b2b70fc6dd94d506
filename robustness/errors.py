"""The one family of errors that a user can fix.

Refuses to know who shows them: the command line prints them, the server turns them into replies.
"""


class RobustnessError(Exception):
    """Something the user can fix; the message says what, where and how."""


class InputError(RobustnessError):
    """A value that the user gave is missing, malformed or unknown."""


class NotFoundError(InputError):
    """A named thing (task, model, prefix, job, file) does not exist."""


class MissingIndexError(NotFoundError):
    """A model has no observed index; whoever runs the server builds it."""


class ModelNotFoundError(NotFoundError):
    """The engine serves no model of that id."""


class MismatchError(RobustnessError):
    """Two saved things do not belong together (another backbone, layer, prefix or schema)."""


class CorruptFileError(RobustnessError):
    """A saved file is truncated or was changed by something else."""


class StorageError(RobustnessError):
    """Nothing can be written: the disk is full or read-only."""


class EngineError(RobustnessError):
    """The engine cannot answer now; the same request may succeed later."""


class CancelledError(RobustnessError):
    """The user stopped the work."""
