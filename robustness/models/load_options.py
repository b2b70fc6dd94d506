"""Options for a model: revision, device, number type, prompt format, and which code may run.

Imports neither torch nor transformers, so that the help of a command is shown at once. Does not
choose a device or a commit; see `robustness.models.placement`.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

AUTO = "auto"


class PromptFormat(StrEnum):
    """What `--prompt-format` takes; `robustness.models.chat_formats` has their texts."""

    AUTO = "auto"
    NONE = "none"
    ALPACA = "alpaca"
    VICUNA = "vicuna"
    WIZARDLM = "wizardlm"


class Dtype(StrEnum):
    """Values of the option `--dtype`."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """The user's options for loading a model."""

    revision: str | None = None
    """Branch, tag or commit on the hub; None: the main branch. A folder has none."""
    device: str = AUTO
    """`auto`, `cpu`, `cuda`, `cuda:1`, `mps`..."""
    dtype: str = Dtype.AUTO
    """One of `Dtype`."""
    allow_pickle: bool = False
    """Whether weights may be read from pickled files, which can run code."""
    trust_remote_code: bool = False
    """Whether Python code from the model's repository may run."""

    def options(self) -> dict[str, Any]:
        """Keyword arguments for every `from_pretrained`."""
        # Without it, transformers asks on the terminal whether remote code may run.
        told: dict[str, Any] = {"trust_remote_code": self.trust_remote_code}
        return told | ({"revision": self.revision} if self.revision else {})


PLAIN = Loading()
"""The default options."""
