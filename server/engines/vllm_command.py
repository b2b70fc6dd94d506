"""Finds the installed vLLM and writes the command that starts it for the vLLM engine.

Does not run the command; see `vllm_process.py`.
"""

import importlib.util
import json
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from robustness import paths
from robustness.models.load_options import Dtype, Loading

_HERE = Path(__file__).resolve().parent
_LARGEST_BATCH = 256
_EXTRACTION = "v1/spec_decode/extract_hidden_states.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """A vLLM that is installed on this machine."""

    python: Path
    """The Python interpreter that can import it."""
    version: str
    extracts: bool
    """Whether this version can extract hidden states."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """The command and the environment that start vLLM."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    """Variables in addition to the inherited ones."""

    def shown(self) -> str:
        """The command line as a user would type it, without the key."""
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
    """Arguments of vLLM for the loading options."""
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
    adapters: Sequence[str] = (),
) -> Launch:
    """The command that starts vLLM with one model.

    Args:
        installation: The vLLM to start.
        model: The model's folder or its name on the hub.
        name: The model's id in vLLM.
        layers: Number of hidden layers of the model.
        context: Longest prompt, tokens.
        port: The port on loopback where it listens.
        key: The API key that its clients must send.
        gpu: Whether it runs on a GPU.
        loading: Revision, number type, whether the model's own code may run; vLLM chooses the
            device.
        adapters: Arguments for LoRA adapters: see `vllm_lora.arguments`.
    """
    # Numbered as transformers' `hidden_states`: the states of layer L-1 are the representation;
    # those of layer L, which vLLM takes before the final norm, give the option scores.
    taken = {"eagle_aux_hidden_state_layer_ids": [layers - 1, layers]}
    extraction = {
        "method": "extract_hidden_states",
        "num_speculative_tokens": 1,
        # Always one: with a schedule, the scheduler does not pad with drafts (vllm_scheduler.py).
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
        # One more than the prompt, since a request generates at least one token.
        "--max-model-len", str(context + 1),
        "--enable-prompt-embeds", "--enable-prefix-caching",
        "--generation-config", "vllm",
        "--chat-template", str(_HERE / "vllm_passthrough.jinja"),
        "--chat-template-content-format", "string",
        # Scheduler and worker share one process: see vllm_connector.py.
        "--max-num-seqs", str(_LARGEST_BATCH),
        "--distributed-executor-backend", "uni", "--no-async-scheduling",
        "--disable-uvicorn-access-log",
        "--scheduler-cls", "vllm_scheduler.WithoutDrafts",
        # The library that constrains texts on the transformers engine as well.
        "--structured-outputs-config", json.dumps({"backend": "guidance"}),
        "--speculative-config", json.dumps(extraction),
        "--kv-transfer-config", json.dumps(connector),
        *adapters,
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
        # The default on a CPU, blocks of 128 tokens, is longer than most shared prefixes.
        arguments += ["--block-size", "32", "--enforce-eager"]
        environment |= {
            "VLLM_CPU_KVCACHE_SPACE": "1",
            "VLLM_CPU_OMP_THREADS_BIND": "nobind",
            # Otherwise vLLM on a CPU starts a separate process for the worker.
            "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
            "TORCH_COMPILE_DISABLE": "1",
            # Without these settings of each thread library, waiting threads would keep cores busy.
            "OMP_WAIT_POLICY": "PASSIVE",
            "GOMP_SPINCOUNT": "0",
            "KMP_BLOCKTIME": "0",
        }
    return Launch(arguments=tuple(arguments), environment=environment)
