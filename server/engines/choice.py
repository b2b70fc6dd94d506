"""Chooses between the transformers and the vLLM engine. Does not build it; see `build_engine`."""

from dataclasses import dataclass

from robustness.errors import InputError
from server.engines.vllm_command import Installation

_INSTALL = "install it with: make vllm, or pip install 'steadfast-nlp[vllm]' on a GPU"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The machine and the model, as far as the choice depends on them."""

    vllm: Installation | None
    gpu: bool
    encoder_decoder: bool
    """Whether the model is an encoder-decoder, which vLLM cannot run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Name of the engine, with the reason in plain words."""

    engine: str
    reason: str


def _obstacle(machine: Machine, *, elsewhere: bool) -> str | None:
    """Why vLLM cannot run the model; None where it can."""
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
    """Chooses the engine.

    Args:
        asked: Value of `--engine`: `auto`, `transformers` or `vllm`.
        url: URL of a running vLLM, if one was given.
        machine: The machine and the model.

    Raises:
        InputError: The requested engine cannot run the model here; the message says what to do.
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
