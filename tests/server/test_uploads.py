import threading

import pytest

from robustness.errors import CancelledError
from server import library
from server.uploads import Uploads


def test_one_table_is_parsed_at_a_time_and_who_leaves_waits_no_longer(monkeypatch) -> None:
    reached, go = threading.Event(), threading.Event()
    parse = library.batch.read_table

    def held(content: bytes, name: str, **given: object) -> object:
        reached.set()
        assert go.wait(30)
        return parse(content, name, **given)

    monkeypatch.setattr(library.batch, "read_table", held)
    uploads = Uploads()
    first = threading.Thread(target=uploads.table, args=("a.csv", b"instruction\na\n"))
    first.start()
    assert reached.wait(30)
    with pytest.raises(CancelledError):
        uploads.table("b.csv", b"instruction\nb\n", lambda: True)
    go.set()
    first.join(30)
    assert len(uploads.table("b.csv", b"instruction\nb\n").rows) == 1
    monkeypatch.setattr(library.batch, "read_table", None)
    assert len(uploads.table("a.csv", b"instruction\na\n").rows) == 1  # it was kept
