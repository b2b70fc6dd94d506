"""Measures a Parquet file before it is read: a few kilobytes can hold billions of values."""

import io

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from robustness.storage.limits import Gauge

_BATCH = 256
"""Rows that are unpacked at once; texts stay in their dictionary."""


def check(data: bytes, gauge: Gauge) -> None:
    """Checks the size of a Parquet file: by its footer, then by its values.

    A text that many rows share lies in the file once, in a dictionary, and is counted there for
    every row without being copied.

    Raises:
        InputError: It is above a limit.
        CancelledError: See `Gauge`.
    """
    footer = pq.read_metadata(io.BytesIO(data))
    gauge.read(footer.num_rows, len(footer.schema.to_arrow_schema()))
    if gauge.limits.unpacked is None:
        return
    groups = range(footer.num_row_groups)
    total = sum(footer.row_group(n).total_byte_size for n in groups)
    gauge.limits.check("unpacked", total, gauge.name)
    texts = [
        column.path for n in range(footer.num_columns)
        if (column := footer.schema.column(n)).physical_type == "BYTE_ARRAY"
    ]
    total = 0
    for batch in pq.ParquetFile(io.BytesIO(data), read_dictionary=texts).iter_batches(_BATCH):
        gauge.go_on()
        total += sum(_unpacked(column) for column in batch.columns)
        gauge.limits.check("unpacked", total, gauge.name)


def _unpacked(values: pa.Array) -> int:
    """Bytes of the values, with every use of a dictionary's entry counted."""
    if pa.types.is_dictionary(values.type):
        lengths = pc.binary_length(values.dictionary).take(values.indices)
        return int(pc.sum(lengths).as_py() or 0)
    if pa.types.is_struct(values.type):
        return sum(_unpacked(child) for child in values.flatten())
    if pa.types.is_nested(values.type):
        return _unpacked(values.flatten())
    return int(values.nbytes)
