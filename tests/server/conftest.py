"""A really running server on the tiny model with a random prefix, and one on a fake engine."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch
from openai import OpenAI
from safetensors.torch import save_file

from robustness.errors import EngineError, InputError, ModelNotFoundError
from robustness.models.engine import ModelInfo, Withheld
from robustness.models.transformers_engine import TransformersEngine
from robustness.types import (
    CompletionChunk,
    PromptScores,
    Reading,
    RepresentationSpec,
    TokenLogprob,
)
from robustness.workbench import Workbench
from server.application import create_app
from server.settings import Settings


class FakeEngine:
    """Counts aloud; endless when asked; fails when told."""

    name = "fake"

    def __init__(self) -> None:
        self.problem: Exception | None = None
        self.running = 0

    def models(self) -> list[ModelInfo]:
        spec = RepresentationSpec(model="fake", revision="1", prefix=None)
        return [ModelInfo(id="fake", spec=spec, context=1000)]

    def _check(self, model: str) -> None:
        if model != "fake":
            raise ModelNotFoundError(f"no model {model!r}; there are fake")
        if self.problem is not None:
            raise self.problem

    def read(self, model, prompts):
        self._check(model)
        return [
            Reading(
                prompt_id=p.id,
                option_logprobs=-np.arange(len(p.options), dtype=np.float32),
                representation=np.ones(4, dtype=np.float32),
            )
            for p in prompts
        ]

    async def stream(self, model, prompt, settings):
        self._check(model)
        self.running += 1
        try:
            for number in range(settings.max_tokens):
                if prompt == "fail later" and number == 2:
                    raise EngineError("the device is lost")
                if prompt == "think":
                    await asyncio.sleep(60)
                yield CompletionChunk(text=f"{number} ", prompt_tokens=3, completion_tokens=number)
                await asyncio.sleep(0.01)
            yield CompletionChunk(
                text="", finish_reason="length", prompt_tokens=3,
                completion_tokens=settings.max_tokens,
            )
        finally:
            self.running -= 1

    def represent(self, model, texts):
        self._check(model)
        return [np.ones(4, dtype=np.float32) for _ in texts]

    def prompt_logprobs(self, model, prompt, alternatives):
        self._check(model)
        return PromptScores(text=prompt, tokens=(TokenLogprob(token=prompt, logprob=None),))

    def chat_prompt(self, model, messages, arguments=None):
        self._check(model)
        if messages[0]["role"] == "nobody":
            raise InputError("messages: the model's chat template refuses them")
        return messages[-1]["content"]

    def count_tokens(self, model, texts):
        self._check(model)
        return [len(text.split()) for text in texts]

    def close(self) -> None:
        pass


@pytest.fixture(scope="session")
def aligned_engine(
    tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory
) -> TransformersEngine:
    """The tiny model with a random prefix."""
    folder = tmp_path_factory.mktemp("prefixes") / "random"
    folder.mkdir()
    config = {"peft_type": "P_TUNING", "num_virtual_tokens": 4}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    table = torch.randn(4, 32, generator=torch.Generator().manual_seed(1))
    save_file({"prompt_embeddings": table}, folder / "adapter_model.safetensors")
    return TransformersEngine(tiny_llama, prefixes={"random": folder}, device="cpu")


@pytest.fixture(scope="session")
def job_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the server on the tiny model."""
    return tmp_path_factory.mktemp("jobs")


@pytest.fixture(scope="session")
def url(
    aligned_engine: TransformersEngine, indexes: Path, job_folder: Path, serve
) -> Iterator[str]:
    """Address of a server on the tiny model."""
    settings = Settings(jobs=job_folder, largest_upload=150_000)
    app = create_app(
        Workbench(aligned_engine, indexes=indexes), settings, reason="a test",
        withheld=[Withheld(id="tiny-llama+lora", reason="not on this engine: /srv/mine/lora")],
    )
    with serve(app) as address:
        yield address


@pytest.fixture(scope="session")
def http(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        yield client


@pytest.fixture(scope="session")
def client(url: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0, timeout=60) as made:
        yield made


@pytest.fixture
def fake() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def fake_url(fake: FakeEngine, tmp_path: Path, serve) -> Iterator[str]:
    """Address of a server on the fake engine."""
    app = create_app(Workbench(fake, indexes=tmp_path), Settings(jobs=tmp_path / "jobs"))
    with serve(app) as address:
        yield address


@pytest.fixture
def fake_client(fake_url: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{fake_url}/v1", api_key="any", max_retries=0, timeout=30) as made:
        yield made
