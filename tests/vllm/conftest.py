"""One real vLLM for the session, on the embedded backbone with its shipped adapters."""

import asyncio
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from robustness import paths
from robustness.data import instructions, prompts, tasks
from robustness.models import adapters, checkpoint
from robustness.models.model_registry import Served
from robustness.models.transformers_engine import TransformersEngine
from robustness.types import CompletionChunk, GenerationSettings, Prompt
from server.engines import build_engine, vllm_command
from server.engines.vllm_client import VllmClient
from server.engines.vllm_engine import VllmEngine
from server.settings import Settings

REQUIRED = "STEADFAST_REQUIRE_VLLM"
START_SECONDS = 600


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.vllm)
            # The first of them waits for vLLM to start.
            item.add_marker(pytest.mark.timeout(START_SECONDS))


@pytest.fixture(scope="session")
def settings(backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    if vllm_command.installed() is None:
        missing = "vLLM is not installed; install it with: make vllm"
        if os.environ.get(REQUIRED):
            pytest.fail(missing)
        pytest.skip(missing)
    folder = tmp_path_factory.mktemp("vllm")
    return Settings(
        model=str(backbone), engine="vllm", jobs=folder / "jobs", vllm_log=folder / "vllm.log"
    )


@pytest.fixture(scope="session")
def built(settings: Settings) -> Iterator[object]:
    made = build_engine(settings)
    yield made
    made.engine.close()


@pytest.fixture(scope="session")
def vllm(built) -> VllmEngine:
    return built.engine


@pytest.fixture(scope="session")
def reference(backbone: Path) -> TransformersEngine:
    """The engine that vLLM is compared with."""
    prefixes = adapters.shipped(backbone)
    assert "pt-kl" in prefixes
    return TransformersEngine(backbone, prefixes=prefixes, device="cpu")


@pytest.fixture(scope="session", params=["original", "pt-kl", "lora-kl"])
def model(request: pytest.FixtureRequest, reference: TransformersEngine) -> str:
    """The served id of the original, then those with an input prefix and with LoRA."""
    if request.param == "original":
        return reference.models()[0].id
    return f"{reference.models()[0].id}+{request.param}"


@pytest.fixture(scope="session")
def asked() -> list[Prompt]:
    """Real prompts of several tasks and lengths, options of one and of several tokens."""
    made = []
    known = [i for i in instructions.builtin(instructions.OBSERVED) if i.task]
    for name in dict.fromkeys(i.task for i in known):
        task = tasks.builtin(name)
        phrasings = [i for i in known if i.task == name][:2]
        made += [
            prompts.fill(phrasing, example)
            for phrasing, example in zip(phrasings, task.split("test"), strict=False)
        ]
    made.append(replace(made[0], text="hi", options=(), id="bare"))
    return made


@pytest.fixture
def attach(vllm: VllmEngine) -> Iterator[Callable[..., VllmEngine]]:
    """Makes engines on the session's vLLM, or on another address, as `--vllm-url` does."""
    made: list[VllmEngine] = []

    def engine(
        url: str | None = None, model: Path = paths.BACKBONE, timeout: float = 60
    ) -> VllmEngine:
        known = vllm._client
        key = known._http.headers["Authorization"].removeprefix("Bearer ")
        ends = checkpoint.load(model, device="cpu", ends_only=True)
        client = VllmClient(url or known.url, key, timeout=timeout)
        made.append(VllmEngine(Served(ends), client, name="attached", hint="start it"))
        return made[-1]

    yield engine
    for one in made:
        one.close()


@pytest.fixture(scope="session")
def gather() -> Callable[..., list[CompletionChunk]]:
    """All the pieces of a generation."""

    def pieces(engine, model: str, prompt: str, settings: GenerationSettings):
        async def run() -> list[CompletionChunk]:
            return [chunk async for chunk in engine.stream(model, prompt, settings)]

        return asyncio.run(run())

    return pieces


@pytest.fixture(scope="session")
def counter(vllm: VllmEngine) -> Callable[..., float]:
    """The sum of one of vLLM's own metrics, over the rows that hold a label."""

    def read(name: str, label: str = "") -> float:
        text = httpx.get(f"{vllm._client.url}/metrics", trust_env=False).text
        rows = [line for line in text.splitlines() if line.startswith((f"{name}{{", f"{name} "))]
        return sum(float(row.rsplit(" ", 1)[1]) for row in rows if label in row)

    return read
