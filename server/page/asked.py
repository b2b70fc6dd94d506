"""The pydantic models of the page's own requests, and the values that they name.

Does not compute; see `api.py`.
"""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from robustness.types import Example, GenerationSettings
from server import library
from server.wire.base import Ours

if TYPE_CHECKING:
    from robustness.wording import Asked

_LONGEST = 20_000
"""Most characters of a text; no prompt that fits a model is longer."""
_MOST = 64


class Wording(Ours):
    """A wording with its task, or with the visitor's own question.

    `POST /page/v1/answers`, `/advise`, `/measure` and `/evidence`.
    """

    instruction: Annotated[str, Field(max_length=_LONGEST)]
    task: str | None = None
    text: Annotated[str, Field(max_length=_LONGEST)] = ""
    """The visitor's own question; without a task."""
    options: Annotated[list[str], Field(max_length=_MOST, default_factory=list)]
    model: str | None = None

    aligned: str | None = None
    """The model beside `model`; None: the first aligned one."""

    def asked(self) -> "Asked":
        """The wording as the library takes it."""
        options = tuple(dict.fromkeys(o.strip() for o in self.options if o.strip()))
        own = self.task is None and bool(self.text.strip())
        example = Example(task="own", fields={"text": self.text}, options=options)
        return library.wording.Asked(
            instruction=self.instruction, task=self.task, inputs=(example,) if own else (),
            model=self.model, aligned=self.aligned,
        )


class Perturbed(Wording):
    """`POST /page/v1/perturbed`."""

    rule: str
    """Name of a surface rule."""


class Predicted(Wording):
    """`POST /page/v1/wording`."""

    probe: Annotated[int, Field(ge=0, le=_MOST)] = 0
    labelled: Annotated[int, Field(ge=0, le=_MOST)] = 0


class Relied(Wording):
    """`POST /page/v1/reliance`."""

    limit: Annotated[int, Field(ge=16, le=512)] = 64


class Written(Wording):
    """`POST /page/v1/write`."""

    max_tokens: Annotated[int, Field(ge=1, le=64)] = 8
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    seed: int = 0

    def settings(self) -> GenerationSettings:
        """How the text is sampled."""
        return GenerationSettings(
            max_tokens=self.max_tokens, temperature=self.temperature, top_p=self.top_p,
            seed=self.seed,
        )
