import subprocess
import sys
from pathlib import Path

import pytest

from robustness.errors import InputError
from robustness.storage.folder_lock import FolderLock

HOLD = """
import sys, time
from pathlib import Path
from robustness.storage.folder_lock import FolderLock
held = FolderLock(Path(sys.argv[1]), "")
print("held", flush=True)
time.sleep(60)
"""


def test_a_folder_is_given_to_one_at_a_time(tmp_path: Path) -> None:
    first = FolderLock(tmp_path / "new" / "jobs", "take another")
    with pytest.raises(InputError, match=r"in use by another process .*; take another"):
        FolderLock(tmp_path / "new" / "jobs", "take another")
    FolderLock(tmp_path, "take another").close()
    first.close()
    FolderLock(tmp_path / "new" / "jobs", "take another").close()


def test_a_process_that_is_killed_holds_nothing(tmp_path: Path) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    with pytest.raises(InputError, match=rf"\({other.pid}\)"):
        FolderLock(tmp_path, "")
    other.kill()
    other.wait()
    other.stdout.close()
    FolderLock(tmp_path, "").close()


def test_a_folder_that_cannot_be_written_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file" / "jobs", Path("/proc/steadfast")):
        with pytest.raises(InputError, match=r"cannot be written .*; take another"):
            FolderLock(folder, "take another")
