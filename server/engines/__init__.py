"""Builds the engine that the settings ask for: transformers, vLLM or another server's.

For the choice between them see `choice.py`.
"""

import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from robustness.errors import EngineError
from robustness.models import adapters, checkpoint, difference, shared_weights
from robustness.models.engine import Engine, Withheld
from robustness.models.load_options import Dtype
from robustness.models.model_registry import Served
from robustness.models.placement import pinned
from robustness.models.remote_engine import RemoteEngine
from robustness.models.transformers_engine import TransformersEngine
from server import port as ports
from server.engines import vllm_command, vllm_lora
from server.engines.choice import Choice, Machine, choose
from server.engines.vllm_client import VllmClient
from server.engines.vllm_engine import VllmEngine
from server.engines.vllm_process import VllmProcess
from server.settings import Settings

_log = logging.getLogger(__name__)

_NO_INSTALLATION = vllm_command.Installation(python=Path("python"), version="", extracts=True)
"""Placeholder in a command that is only shown to the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """An engine, and why it was chosen."""

    engine: Engine
    reason: str
    withheld: Sequence[Withheld] = ()
    """Models that were requested but that this engine cannot serve."""


def build_engine(settings: Settings) -> Built:
    """The engine that the settings ask for.

    Raises:
        NotFoundError, CorruptFileError, MismatchError, InputError: See `checkpoint.load`,
            `Served` and `choose`.
        EngineError: The other server does not answer, or vLLM does not start.
    """
    built = _built(settings)
    _log.info("engine: %s (%s)", built.engine.name, built.reason)
    for left in built.withheld:
        _log.warning("not served: %s (%s)", left.id, left.reason)
    return built


def _built(settings: Settings) -> Built:
    if settings.backend:
        return Built(
            engine=RemoteEngine(settings.backend, settings.backend_key),
            reason=f"--backend {settings.backend}",
        )
    settings = replace(settings, model=difference.resolved(settings.model))
    shipped = adapters.shipped(settings.model)
    chosen = {Path(p).name: shipped.get(p, Path(p)) for p in settings.prefixes} or shipped
    machine = Machine(
        vllm=vllm_command.installed(),
        gpu=vllm_command.has_gpu(),
        encoder_decoder=checkpoint.is_encoder_decoder(settings.model, settings.loading),
    )
    choice = choose(settings.engine, settings.vllm_url, machine)
    if choice.engine == "vllm":
        try:
            vllm = _vllm(settings, chosen, machine)
            return Built(engine=vllm, reason=choice.reason, withheld=vllm.withheld())
        except EngineError as error:
            if settings.engine != "auto" or settings.vllm_url:
                raise
            _log.warning("%s", error)
            choice = Choice(engine="transformers", reason="vLLM did not start: see the log")
    engine = TransformersEngine(
        settings.model, prefixes=chosen, prompt_format=settings.prompt_format,
        loading=settings.loading,
    )
    shared_weights.share(engine.checkpoint.model)
    return Built(engine=engine, reason=choice.reason, withheld=engine.withheld())


def _vllm(settings: Settings, prefixes: Mapping[str, Path], machine: Machine) -> VllmEngine:
    """The engine for a running vLLM, or for one that is started here."""
    loading = pinned(settings.model, settings.loading)
    # The first and last layers are computed by this process, whatever device vLLM has.
    ends = checkpoint.load(
        settings.model, loading=replace(loading, device="cpu", dtype=Dtype.AUTO), ends_only=True
    )
    shared_weights.share(ends.model)
    served = Served(
        ends, prefixes, model=settings.model, prompt_format=settings.prompt_format,
        loading=settings.loading, obstacle=vllm_lora.obstacle, loader=vllm_lora.Loader,
    )
    port = 8000 if settings.vllm_url else ports.free()
    key = settings.vllm_key if settings.vllm_url else secrets.token_urlsafe()
    launch = vllm_command.launch(
        machine.vllm or _NO_INSTALLATION,
        model=settings.model, name=ends.id, layers=ends.layers, context=ends.context,
        port=port, key=key, gpu=machine.gpu, loading=loading,
        adapters=vllm_lora.arguments(served, prefixes),
    )  # fmt: skip
    hint = "this server's log has the command that starts the right one"
    if settings.vllm_url:
        _log.info("a vLLM that serves this model is started with: %s", launch.shown())
        client = VllmClient(settings.vllm_url, key, timeout=settings.vllm_timeout)
        return VllmEngine(served, client, name=f"vLLM at {client.url}", hint=hint)
    url = f"http://127.0.0.1:{port}"
    client = VllmClient(url, key, timeout=settings.vllm_timeout)
    process = VllmProcess(
        launch, url, settings.vllm_log, probe=client.compute, silence=settings.vllm_timeout
    )
    version = machine.vllm.version if machine.vllm else ""
    name = f"vLLM {version} on {'a GPU' if machine.gpu else 'cpu'}"
    engine = VllmEngine(served, client, name=name, process=process, hint=hint)
    try:
        _log.info("starting vLLM: %s", launch.shown())
        process.start()
        engine.check()
    except BaseException:
        engine.close()
        raise
    return engine
