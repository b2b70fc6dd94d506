"""The settings that a server is started with.

`server.options` reads them from the command line and the environment.
"""

from dataclasses import dataclass
from pathlib import Path

from robustness import paths
from robustness.models.load_options import PLAIN, Loading, PromptFormat
from robustness.storage.limits import Limits

GRACE_SECONDS = 5
"""Time that open streams have to end when the server is stopped; a page keeps one open."""
LIMITS = Limits(
    columns=256, rows=100_000, cells=2_000_000, options=256, prompts=1_000_000,
    unpacked=512 * 1024 * 1024,
    advice="raise it where the server is started: --max-{name} or $STEADFAST_MAX_{NAME}",
)
"""What a client may ask for at once, by default."""


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
    largest_body: int = 8 * 1024 * 1024
    """Largest size of any other request, bytes."""
    limits: Limits = LIMITS
    """What an uploaded table and one request may hold."""
