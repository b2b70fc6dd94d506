"""Which engine runs the model, and why.

Refuses to load anything.
"""

from dataclasses import dataclass

from robustness.errors import InputError
from server.engines.vllm_command import Installation

_INSTALL = "install it with: make vllm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What the choice depends on."""

    vllm: Installation | None
    gpu: bool
    encoder_decoder: bool
    """Whether the model is one; vLLM has none of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The engine's name and the reason, for people."""

    engine: str
    reason: str


def _obstacle(machine: Machine, *, elsewhere: bool) -> str | None:
    """Why vLLM cannot run the model."""
    if machine.encoder_decoder:
        return "vLLM runs no encoder-decoder models"
    if elsewhere:
        return None
    if machine.vllm is None:
        return "vLLM is not installed"
    if not machine.vllm.extracts:
        return f"the installed vLLM ({machine.vllm.version}) gives no hidden states"
    return None


def choose(asked: str, url: str | None, machine: Machine) -> Choice:
    """The engine for a request.

    Args:
        asked: `auto`, `transformers` or `vllm`.
        url: Of a running vLLM, where one was named.
        machine: This one.

    Raises:
        InputError: What was asked for cannot be had; the message says what helps.
    """
    if asked == "transformers":
        if url:
            raise InputError("--vllm-url: leave it out, or --engine transformers")
        return Choice(engine="transformers", reason="asked for")
    obstacle = _obstacle(machine, elsewhere=url is not None)
    if url or asked == "vllm":
        if obstacle is not None:
            way = "" if machine.encoder_decoder else f"; {_INSTALL}, or"
            raise InputError(f"{obstacle}{way or ';'} take --engine transformers")
        return Choice(engine="vllm", reason=f"--vllm-url {url}" if url else "asked for")
    if obstacle is not None:
        return Choice(engine="transformers", reason=obstacle)
    if not machine.gpu:
        return Choice(engine="transformers", reason="vLLM is installed, but there is no GPU")
    return Choice(engine="vllm", reason="vLLM is installed and there is a GPU")
