"""The lock of the folder of the batch jobs, which a server takes before it loads anything."""

from pathlib import Path

from robustness.storage.folder_lock import FolderLock


def take(folder: Path) -> FolderLock:
    """Takes the folder for this process.

    Raises:
        InputError: Another server uses the folder, or it is not writable.
    """
    return FolderLock(folder, "give this server its own with --jobs FOLDER")
