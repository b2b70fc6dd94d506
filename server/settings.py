"""Reads the server's settings from the command line and the environment.

No other module of the server reads the environment.
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from robustness import paths
from robustness.models.chat_formats import PromptFormat
from robustness.models.load_options import AUTO, PLAIN, Dtype, Loading

ENGINES = ("auto", "transformers", "vllm")
_DESCRIPTION = "Serves the API: OpenAI's endpoints under /v1, this project's under /robustness/v1."


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of a server."""

    model: str = str(paths.BACKBONE)
    """Folder of a transformers model, or its name on the hub."""
    prefixes: tuple[str, ...] = ()
    """Names of shipped adapters, or folders of PEFT adapters; empty: the model's shipped ones."""
    engine: str = "auto"
    prompt_format: str = PromptFormat.AUTO
    """The chat format of prompts: see `chat_formats.choose`."""
    loading: Loading = PLAIN
    """How the model is loaded: revision, device, number type, whether its own code may run."""
    backend: str | None = None
    """URL of another Steadfast server that runs the model, instead of an engine in this process."""
    vllm_url: str | None = None
    """URL of a running vLLM; None: the server starts one if the engine needs it."""
    vllm_key: str = ""
    """The key of that vLLM's API, from `$VLLM_API_KEY`."""
    vllm_timeout: float = 120.0
    """Seconds without an answer from vLLM, after which one started here is started again."""
    vllm_log: Path = Path("runs/vllm/7860.log")
    """Log file of a vLLM that is started here; one for each port."""
    host: str = "127.0.0.1"
    port: int = 7860
    indexes: Path = paths.INDEXES
    jobs: Path = Path("runs/jobs/7860")
    """Folder of the batch jobs; by default one for each port, since servers cannot share it."""
    paraphraser_url: str | None = None
    """URL of an OpenAI-compatible API whose model also suggests rewordings; None: no such model."""
    paraphraser_model: str = ""
    paraphraser_key: str = ""
    patience: float = 1800.0
    """Seconds that a row of a job waits for an engine that does not answer before it gets the
    error; longer than a large model takes to load."""
    largest_upload: int = 64 * 1024 * 1024
    """Largest size of an uploaded table, bytes."""


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{value} is no time (seconds, above 0)")
    return value


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"{value} is not a port (0 to 65535)")
    return value


def _loading(made: argparse.ArgumentParser) -> None:
    """Adds the arguments for `Loading`."""
    made.add_argument(
        "--revision", help="a hub's branch, tag or commit; indexes are kept for the commit"
    )
    made.add_argument("--device", default=AUTO, help="auto (default), cpu, cuda, cuda:1, mps...")
    made.add_argument(
        "--dtype",
        choices=[str(name) for name in Dtype],
        default=str(Dtype.AUTO),
        help="of the weights (default: auto: bfloat16 on an NVIDIA GPU, else float32)",
    )
    made.add_argument(
        "--allow-pickle",
        action="store_true",
        help="take weights that are not in safetensors; reading them can run code",
    )
    made.add_argument(
        "--trust-remote-code",
        action="store_true",
        help="run the Python code beside the weights",
    )


def parser(prog: str) -> argparse.ArgumentParser:
    """The parser of the command line."""
    made = argparse.ArgumentParser(prog=prog, description=_DESCRIPTION)
    made.add_argument(
        "--model",
        default=str(paths.BACKBONE),
        help="model folder or hub name (default: the embedded backbone)",
    )
    made.add_argument(
        "--prefix",
        action="append",
        default=[],
        help="soft prefix: a shipped name or a PEFT adapter folder; repeatable",
    )
    made.add_argument(
        "--engine",
        choices=ENGINES,
        default="auto",
        help="what runs the model (default: auto, vllm where it is installed with a GPU)",
    )
    made.add_argument("--vllm-url", help="URL of a vLLM that runs already")
    made.add_argument(
        "--vllm-timeout",
        type=_seconds,
        default=120.0,
        help="seconds that vLLM may be silent; longer, and one that was started here is started "
        "again (default: 120)",
    )
    made.add_argument(
        "--prompt-format",
        choices=[str(name) for name in PromptFormat],
        default=str(PromptFormat.AUTO),
        help="around a prompt (default: auto: the chat template, or by the model's name)",
    )
    _loading(made)
    made.add_argument(
        "--backend", help="URL of another Steadfast server, which then runs the models"
    )
    made.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1, this machine alone")
    made.add_argument("--port", type=_port, default=7860, help="default: 7860")
    made.add_argument(
        "--indexes", type=Path, default=paths.INDEXES, help="folder of the observed indexes"
    )
    made.add_argument(
        "--paraphraser-url",
        help="OpenAI-compatible address (up to /v1) of a model that suggests rewordings too; "
        "its key is read from $STEADFAST_PARAPHRASER_KEY",
    )
    made.add_argument("--paraphraser-model", default="", help="its name there")
    made.add_argument(
        "--jobs",
        type=Path,
        help="folder of the batch jobs (default: $STEADFAST_JOBS or runs/jobs/PORT)",
    )
    made.add_argument(
        "--patience",
        type=_seconds,
        default=1800.0,
        help="seconds that a job waits for an engine that is away before its rows carry the error "
        "(default: 1800)",
    )
    return made


def settings_from(
    arguments: Sequence[str] | None = None,
    *,
    prog: str = "python -m server",
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """Settings from the command line and the environment; exits with status 2 on a bad argument."""
    environment = os.environ if environment is None else environment
    given = parser(prog).parse_args(arguments)
    jobs = environment.get("STEADFAST_JOBS") or Path("runs/jobs", str(given.port))
    return Settings(
        model=given.model,
        prefixes=tuple(given.prefix),
        engine=given.engine,
        prompt_format=given.prompt_format,
        loading=Loading(
            revision=given.revision,
            device=given.device,
            dtype=given.dtype,
            allow_pickle=given.allow_pickle,
            trust_remote_code=given.trust_remote_code,
        ),
        backend=given.backend,
        vllm_url=given.vllm_url,
        vllm_timeout=given.vllm_timeout,
        patience=given.patience,
        vllm_key=environment.get("VLLM_API_KEY", ""),
        vllm_log=Path("runs/vllm", f"{given.port}.log"),
        host=given.host,
        port=given.port,
        indexes=given.indexes,
        jobs=given.jobs or Path(jobs),
        paraphraser_url=given.paraphraser_url,
        paraphraser_model=given.paraphraser_model,
        paraphraser_key=environment.get("STEADFAST_PARAPHRASER_KEY", ""),
    )
