import io
import time

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from robustness.errors import CancelledError, InputError
from robustness.storage.limits import Limits
from robustness.storage.tables import read_table

LIMITS = Limits(
    columns=20, rows=100, cells=500, unpacked=1_000_000,
    advice="--max-{name} or $STEADFAST_MAX_{NAME}",
)


def parquet(frame: pd.DataFrame, **options: object) -> bytes:
    out = io.BytesIO()
    frame.to_parquet(out, **options)
    return out.getvalue()


def new_keys(lines: int) -> bytes:
    return b"".join(b'{"instruction":"a","k%d":1}\n' % n for n in range(lines))


@pytest.mark.parametrize(
    ("name", "content", "limit"),
    [
        ("x.jsonl", new_keys(30), "columns"),
        ("x.json", b"[" + new_keys(30).replace(b"\n", b",")[:-1] + b"]", "columns"),
        ("x.csv", b"instruction," + b",".join(b"c%d" % n for n in range(20)) + b"\na\n", "columns"),
        ("x.csv", b"instruction\n" + b"a\n" * 101, "rows"),
        ("x.jsonl", b'{"instruction":"a"}\n' * 101, "rows"),
        ("x.json", b"[" + b"{}," * 101 + b"{}]", "rows"),
        ("x.parquet", parquet(pd.DataFrame({"instruction": ["a"] * 101})), "rows"),
        ("x.csv", b"instruction,b,c,d,e,f,g\n" + b"a\n" * 80, "cells"),
        ("x.csv", b"instruction\n" + b"," * 501 + b"\n", "cells"),
        ("x.jsonl", b'{"instruction":[' + b"[]," * 500 + b"[]]}", "cells"),
        ("x.json", b'[{"instruction":' + b'{"a":' * 500 + b"1" + b"}" * 501 + b"]", "cells"),
        (
            "x.parquet",
            parquet(pd.DataFrame({"instruction": ["a" * 100_000] * 50}), compression="zstd"),
            "unpacked",
        ),
    ],
)
def test_a_table_above_a_limit_is_refused_with_the_limit_and_how_to_raise_it(
    name: str, content: bytes, limit: str
) -> None:
    with pytest.raises(InputError, match=rf"x\.\w+: more than \d+ (bytes )?{limit}") as caught:
        read_table(content, name, limits=LIMITS)
    assert f"--max-{limit} or $STEADFAST_MAX_{limit.upper()}" in str(caught.value)


def test_lists_of_a_shared_text_are_counted_as_often_as_they_use_it() -> None:
    out = io.BytesIO()
    lists = [["a" * 10_000] * 10] * 20
    pq.write_table(pa.table({"instruction": pa.array(lists)}), out, compression="zstd")
    assert len(out.getvalue()) < 3_000
    with pytest.raises(InputError, match="unpacked"):
        read_table(out.getvalue(), "x.parquet", limits=LIMITS)


def test_a_table_at_its_limits_is_read() -> None:
    rows = [{"instruction": "a", "b": [1, 2], "c": {"d": "e"}}] * 100
    for name, content in (
        ("x.csv", b"instruction,b,c\n" + b"a,1,2\n" * 100),
        ("x.parquet", parquet(pd.DataFrame(rows))),
    ):
        assert len(read_table(content, name, limits=LIMITS).rows) == 100


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.jsonl", new_keys(5_000)),
        (
            "x.csv",
            b"instruction," + b",".join(b"c%d" % n for n in range(3_000)) + b"\n" + b"a\n" * 3_000,
        ),
        ("x.csv", b"instruction" + b"," * 3_000 + b"\n" + (b"a" + b"," * 3_000 + b"\n") * 600),
    ],
    ids=["a new key in every line", "3,000 columns x 3,000 short rows", "empty columns"],
)
def test_small_files_of_much_work_are_refused_in_a_moment(name: str, content: bytes) -> None:
    started = time.process_time()
    with pytest.raises(InputError, match="which is the limit"):
        read_table(content, name, limits=Limits(columns=256, rows=100_000, cells=500_000))
    assert time.process_time() - started < 2


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl", "x.json", "x.parquet"])
def test_the_reading_stops_when_it_is_told(name: str) -> None:
    content = {
        "x.csv": b"instruction\na\n", "x.jsonl": b'{"instruction":"a"}\n',
        "x.json": b'[{"instruction":"a"}]',
        "x.parquet": parquet(pd.DataFrame({"instruction": ["a"]})),
    }[name]
    with pytest.raises(CancelledError):
        read_table(content, name, should_stop=lambda: True)
