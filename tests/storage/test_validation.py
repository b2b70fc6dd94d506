import pytest
from pydantic import BaseModel, ValidationError

from robustness.storage import validation


class Row(BaseModel):
    name: str


class Table(BaseModel):
    rows: list[Row]


def fault_of(document: object) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        Table.model_validate(document)
    return caught.value


def test_the_first_fault_is_named_by_its_place() -> None:
    error = fault_of({"rows": [{"name": "a"}, {"name": 3}, {"name": 4}]})
    assert validation.first_fault(error) == "rows.1.name: Input should be a valid string"
    assert validation.first_fault(error, found=True).endswith("string (found 3)")


def test_parts_that_say_nothing_are_left_out() -> None:
    fault = {"loc": ("body", "rows", 0)}
    assert validation.place(fault, below=("body",)) == "rows.0"
    assert validation.place(fault) == "body.rows.0"
