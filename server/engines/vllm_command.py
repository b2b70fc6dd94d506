"""Where vLLM is installed, and the command that starts it the way the engine needs it.

Refuses to run anything, and to know HTTP.
"""

import importlib.util
import json
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from robustness import paths
from robustness.models.load_options import Dtype, Loading

_HERE = Path(__file__).resolve().parent
_LARGEST_BATCH = 256
_EXTRACTION = "v1/spec_decode/extract_hidden_states.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """A vLLM on this machine."""

    python: Path
    """The interpreter that can import it."""
    version: str
    extracts: bool
    """Whether it can give hidden states."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How to start one vLLM."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    """Beside what is inherited."""

    def shown(self) -> str:
        """As a person would type it, without the key."""
        variables = dict(self.environment) | {"VLLM_API_KEY": "KEY"}
        return " ".join([*(f"{k}={v}" for k, v in variables.items()), shlex.join(self.arguments)])


def has_gpu() -> bool:
    """Whether an NVIDIA driver is installed."""
    return shutil.which("nvidia-smi") is not None


def _described(python: Path, package: Path) -> Installation:
    found = sorted(package.parent.glob("vllm-*.dist-info")) + sorted(
        package.parent.glob("vllm_*.dist-info")
    )
    version = found[0].name.removesuffix(".dist-info").split("-")[1] if found else "unknown"
    return Installation(
        python=python, version=version, extracts=(package / _EXTRACTION).is_file()
    )


def installed(root: Path = paths.ROOT) -> Installation | None:
    """The vLLM in `.venv-vllm` (`make vllm`), else beside this interpreter, else none.

    Nothing is imported: vLLM takes seconds to load.
    """
    python = root / ".venv-vllm" / "bin" / "python"
    for package in sorted((root / ".venv-vllm").glob("lib/python*/site-packages/vllm")):
        if python.is_file():
            return _described(python, package)
    spec = importlib.util.find_spec("vllm")
    if spec is not None and spec.origin:
        return _described(Path(sys.executable), Path(spec.origin).parent)
    return None


def _loaded(loading: Loading, *, gpu: bool) -> list[str]:
    """What vLLM is told of how the model is loaded."""
    made = ["--load-format", "auto" if loading.allow_pickle else "safetensors"]
    if loading.revision:
        made += ["--revision", loading.revision, "--tokenizer-revision", loading.revision]
    if loading.trust_remote_code:
        made.append("--trust-remote-code")
    if loading.dtype != Dtype.AUTO:
        return [*made, "--dtype", loading.dtype]
    return made if gpu else [*made, "--dtype", "float32"]


def launch(
    installation: Installation,
    *,
    model: str,
    name: str,
    layers: int,
    context: int,
    port: int,
    key: str,
    gpu: bool,
    loading: Loading,
) -> Launch:
    """The command for one model.

    Args:
        installation: Whose vLLM.
        model: A folder or hub name.
        name: The served id.
        layers: Hidden layers of the model.
        context: Tokens of a prompt at the most.
        port: Where it listens, on loopback.
        key: What its clients show.
        gpu: Whether it runs on one.
        loading: Revision, number type, and what the model may run; vLLM chooses the device.
    """
    # Counted as transformers' `hidden_states` are: the penultimate is the representation; the last,
    # which vLLM takes before the final norm, gives the option scores.
    taken = {"eagle_aux_hidden_state_layer_ids": [layers - 1, layers]}
    extraction = {
        "method": "extract_hidden_states",
        "num_speculative_tokens": 1,
        # Always one: a schedule keeps the scheduler from padding with drafts (vllm_scheduler.py).
        "num_speculative_tokens_per_batch_size": [[1, _LARGEST_BATCH, 1]],
        "draft_model_config": {"hf_config": taken},
    }
    connector = {
        "kv_connector": "LastPositions",
        "kv_connector_module_path": "vllm_connector",
        "kv_role": "kv_producer",
    }
    arguments = [
        str(installation.python), "-m", "vllm.entrypoints.openai.api_server",
        "--model", model, "--served-model-name", name,
        "--host", "127.0.0.1", "--port", str(port),
        # One more than the prompt, since even a reading generates one token.
        "--max-model-len", str(context + 1),
        "--enable-prompt-embeds", "--enable-prefix-caching",
        "--generation-config", "vllm",
        "--chat-template", str(_HERE / "vllm_passthrough.jinja"),
        "--chat-template-content-format", "string",
        # Scheduler and worker in one process: see vllm_connector.py.
        "--max-num-seqs", str(_LARGEST_BATCH),
        "--distributed-executor-backend", "uni", "--no-async-scheduling",
        "--disable-uvicorn-access-log",
        "--scheduler-cls", "vllm_scheduler.WithoutDrafts",
        "--speculative-config", json.dumps(extraction),
        "--kv-transfer-config", json.dumps(connector),
    ]  # fmt: skip
    environment = {
        "PYTHONPATH": str(_HERE),
        "VLLM_API_KEY": key,
        "VLLM_ALLOW_LONG_MAX_MODEL_LEN": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "VLLM_LOGGING_LEVEL": "WARNING",
    }
    if Path(model).is_dir():
        environment["HF_HUB_OFFLINE"] = "1"
    arguments += _loaded(loading, gpu=gpu)
    if not gpu:
        # Blocks of 128, the default there, are longer than most shared starts.
        arguments += ["--block-size", "32", "--enforce-eager"]
        environment |= {
            "VLLM_CPU_KVCACHE_SPACE": "1",
            "VLLM_CPU_OMP_THREADS_BIND": "nobind",
            # Otherwise a CPU's worker gets a process of its own all the same.
            "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
            "TORCH_COMPILE_DISABLE": "1",
            # Its threads spin while they wait, unless each of their libraries is told not to.
            "OMP_WAIT_POLICY": "PASSIVE",
            "GOMP_SPINCOUNT": "0",
            "KMP_BLOCKTIME": "0",
        }
    return Launch(arguments=tuple(arguments), environment=environment)
