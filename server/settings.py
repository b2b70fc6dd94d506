"""The settings that a server is started with.

`server.options` reads them from the command line and the environment.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

from robustness import paths
from robustness.models.load_options import PLAIN, Loading, PromptFormat
from robustness.storage.limits import Limits
from server.hosts import is_local

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
    also: tuple[str, ...] = ()
    """Folders of further models for the page's picker, loaded when they are picked."""
    engine: str = "auto"
    prompt_format: str = PromptFormat.AUTO
    """The chat format of prompts: see `chat_formats.choose`."""
    loading: Loading = PLAIN
    """How the model is loaded: revision, device, number type, whether its own code may run."""
    backend: str | None = None
    """URL of another Steadfast server that runs the model, instead of an engine in this process."""
    backend_key: str = field(default="", repr=False)
    """The key of that server, from `$STEADFAST_BACKEND_KEY`."""
    vllm_url: str | None = None
    """URL of a running vLLM; None: the server starts one if the engine needs it."""
    vllm_key: str = field(default="", repr=False)
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
    paraphraser_key: str = field(default="", repr=False)
    public_url: str | None = None
    """The address that *Share* and the QR code of the page give; None: the one in the browser."""
    mcp: bool = False
    """Whether the demo offers its tools through an MCP server."""
    patience: float = 1800.0
    """Seconds that a row of a job waits for an engine that does not answer before it gets the
    error; longer than a large model takes to load."""
    largest_upload: int = 64 * 1024 * 1024
    """Largest size of an uploaded table, bytes."""
    largest_body: int = 8 * 1024 * 1024
    """Largest size of any other request, bytes."""
    limits: Limits = LIMITS
    """What an uploaded table and one request may hold."""
    api_key_file: Path | None = None
    """File with the keys that requests need, `--api-key`: see `keys.read`."""
    api_key: str = field(default="", repr=False)
    """The same from `$STEADFAST_API_KEY`."""
    no_auth: bool = False
    """Whether others may reach the server without a key."""
    allow_hosts: tuple[str, ...] = ()
    """Names by which the server is reached, besides its address and this machine's names."""
    allow_origins: tuple[str, ...] = ()
    """Other sites whose pages may send requests and show the page in a frame."""
    proxies: tuple[str, ...] = ()
    """Addresses of reverse proxies whose `X-Forwarded-For` and `-Proto` are believed."""
    root_path: str = ""
    """Prefix of the paths that a reverse proxy takes away."""
    client_requests: str = "300/minute"
    """Requests of one client; this and the following limits hold where others reach the server."""
    client_rows: str = "20000/day"
    """Rows of uploaded tables of one client."""
    client_prompts: str = "1000000/day"
    """Prompts that the models read for one client."""
    client_jobs: int = 20
    """Jobs of one client that the server keeps, ended ones included."""
    predictions: int = 2
    """Predictions and comparisons that are computed at once."""
    waiting_predictions: int = 1
    """Further ones that wait; what comes beyond is refused. Each one that waits makes an accepted
    prediction slower by the time of one, where the model computes one thing at a time."""
    generations: int = 4
    """Generated texts, measurements and long lists of prompts that are computed at once."""
    waiting_generations: int = 8
    uploads: int = 2
    """Uploaded tables that are parsed at once."""
    waiting_uploads: int = 8
    waiting_page: int = 100
    """Events of all visitors of the page that wait."""
    queue_seconds: float = 30.0
    """Longest time that a request waits before it is refused."""
    small_job: int = 2000
    """Prompts up to which a job is small; small jobs have a worker of their own."""
    keep_days: float | None = None
    """Days after which a job that has ended is deleted with its upload and result; None: never."""
    unfinished_jobs: int = 100
    """Jobs of all clients that are queued or running; what comes beyond is refused."""

    @property
    def public(self) -> bool:
        """Whether others than this machine reach the server."""
        named = any(not is_local(name) for name in self.allow_hosts)
        return not is_local(self.host) or named or bool(self.proxies)

    @property
    def url(self) -> str:
        """The server's own address."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}{self.root_path}"


def alone(settings: Settings, model: str) -> Settings:
    """The settings by which a further model is loaded in this process, as it comes."""
    return replace(
        settings, model=model, prefixes=(), also=(), engine="transformers", backend=None,
        vllm_url=None, loading=replace(settings.loading, revision=None),
    )
