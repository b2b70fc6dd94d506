"""What the text of a reply must look like: OpenAI's `response_format` and vLLM's keys."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from robustness.errors import InputError
from robustness.types import Constraint
from server.wire.base import OpenAI, Ours

_ANY_OBJECT = {"type": "object"}

Choices = Annotated[list[str], Field(min_length=1, max_length=1024)]
Schema = dict[str, Any] | str | bool
"""A JSON schema, as JSON or as its text."""


def of_schema(schema: Schema) -> Constraint:
    """JSON that follows a schema."""
    return Constraint(
        kind="json", value=schema if isinstance(schema, str) else json.dumps(schema)
    )


def of_format(given: Mapping[str, Any] | None, name: str) -> Constraint | None:
    """The constraint of an OpenAI format; None: any text.

    Args:
        given: With `type`, and for `json_schema` a `schema`.
        name: Name of the key, for messages.

    Raises:
        InputError: There is no such format.
    """
    match (given or {}).get("type", "text"):
        case "text":
            return None
        case "json_object":
            return of_schema(_ANY_OBJECT)
        case "json_schema":
            # In chat completions the schema lies in an object of its own.
            held = (given or {}).get("json_schema") or given or {}
            schema = held.get("schema") if isinstance(held, Mapping) else None
            if not isinstance(schema, (dict, bool)):
                raise InputError(f"{name}: json_schema needs a schema, found {schema!r}")
            return of_schema(schema)
        case other:
            raise InputError(
                f"{name}: not offered, found type {other!r}; there are text, json_object and "
                "json_schema"
            )


class StructuredOutputs(Ours):
    """vLLM's `structured_outputs`; at most one of its keys."""

    choice: Choices | None = None
    json_: Annotated[Schema | None, Field(alias="json")] = None
    regex: str | None = None
    grammar: str | None = None
    json_object: bool | None = None


class Constrained(OpenAI):
    """A request whose text may have to follow a constraint."""

    response_format: dict[str, Any] | None = None
    structured_outputs: StructuredOutputs | None = None
    guided_choice: Choices | None = None
    guided_json: Schema | None = None
    guided_regex: str | None = None
    guided_grammar: str | None = None

    def constraint(self) -> Constraint | None:
        """The constraint of the text; None: any text.

        Raises:
            InputError: There are several, or one is unknown.
        """
        held = self.structured_outputs or StructuredOutputs()
        choice, schema = held.choice or self.guided_choice, held.json_
        schema = self.guided_json if schema is None else schema
        regex, grammar = held.regex or self.guided_regex, held.grammar or self.guided_grammar
        found = [
            choice and Constraint(kind="choice", value=tuple(choice)),
            None if schema is None else of_schema(schema),
            regex and Constraint(kind="regex", value=regex),
            grammar and Constraint(kind="grammar", value=grammar),
            of_schema(_ANY_OBJECT) if held.json_object else None,
            of_format(self.response_format, "response_format"),
        ]
        given = [one for one in found if isinstance(one, Constraint)]
        if len(given) > 1:
            names = " and ".join(one.kind for one in given)
            raise InputError(f"the text can follow one constraint, found {names}")
        return given[0] if given else None
