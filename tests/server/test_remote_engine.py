"""The remote engine with a real server on the tiny model."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from robustness.errors import EngineError, InputError, ModelNotFoundError
from robustness.models import remote_engine
from robustness.models.remote_engine import RemoteEngine
from robustness.models.transformers_engine import TransformersEngine
from robustness.types import CompletionChunk, Constraint, GenerationSettings, Prompt
from robustness.workbench import Workbench
from server.access import Access
from server.application import create_app
from server.engines import build_engine
from server.settings import Settings

PROMPTS = [
    Prompt(instruction_id="i", example_id="e", text=f"Is it red? {n}", options=("yes", "no"))
    for n in range(70)
]
MODELS = ["tiny-llama", "tiny-llama+random"]


@pytest.fixture(scope="module")
def remote(url: str) -> Iterator[RemoteEngine]:
    engine = RemoteEngine(url)
    yield engine
    engine.close()


def stream(engine, prompt: str, settings: GenerationSettings) -> list[CompletionChunk]:
    async def run() -> list[CompletionChunk]:
        return [c async for c in engine.stream("tiny-llama", prompt, settings)]

    return asyncio.run(run())


def test_it_serves_the_same_models_in_the_same_space(
    remote: RemoteEngine, aligned_engine: TransformersEngine
) -> None:
    assert remote.models() == aligned_engine.models()
    assert remote.name == "remote (transformers on cpu)"


@pytest.mark.parametrize("model", MODELS)
def test_it_reads_what_the_engine_itself_reads(
    remote: RemoteEngine, aligned_engine: TransformersEngine, model: str
) -> None:
    here, there = aligned_engine.read(model, PROMPTS), remote.read(model, PROMPTS)
    assert [r.prompt_id for r in there] == [p.id for p in PROMPTS]
    for mine, theirs in zip(here, there, strict=True):
        np.testing.assert_allclose(theirs.option_logprobs, mine.option_logprobs, atol=1e-4)
        np.testing.assert_allclose(theirs.representation, mine.representation, atol=1e-4)
        assert theirs.representation.dtype == np.float32


@pytest.mark.parametrize("prompt", ["Is it red?", (1, 5, 9)])
def test_it_has_the_prompts_log_probabilities_of_the_engine_itself(
    remote: RemoteEngine, aligned_engine: TransformersEngine, prompt
) -> None:
    there = remote.prompt_logprobs("tiny-llama", prompt, 2)
    here = aligned_engine.prompt_logprobs("tiny-llama", prompt, 2)
    assert there.text == here.text and len(there.tokens) == len(here.tokens)
    assert there.tokens[0].logprob is None
    for one, other in zip(there.tokens[1:], here.tokens[1:], strict=True):
        assert one.token == other.token
        assert one.logprob == pytest.approx(other.logprob, abs=1e-4)


def test_it_hands_constraints_and_settings_on(remote: RemoteEngine) -> None:
    texts = Constraint(kind="choice", value=("yes", "no"))
    chunks = stream(remote, "Is it red?", GenerationSettings(constraint=texts))
    assert "".join(c.text for c in chunks) in texts.value
    with pytest.raises(InputError, match="top_k: not offered by the transformers engine"):
        stream(remote, "Is it red?", GenerationSettings(extra={"top_k": 3}))


@pytest.mark.parametrize("stop", [(), ("e",)])
def test_it_streams_what_the_engine_itself_streams(
    remote: RemoteEngine, aligned_engine: TransformersEngine, stop: tuple[str, ...]
) -> None:
    settings = GenerationSettings(max_tokens=10, stop=stop, logprobs=0)
    here = stream(aligned_engine, "Is it red?", settings)
    there = stream(remote, "Is it red?", settings)
    assert [c.text for c in there] == [c.text for c in here]
    assert [c.finish_reason for c in there] == [c.finish_reason for c in here]
    assert [c.completion_tokens for c in there] == [c.completion_tokens for c in here]
    assert {c.prompt_tokens for c in there} == {here[0].prompt_tokens}
    tokens = [[t.token for c in run for t in c.logprobs] for run in (here, there)]
    assert tokens[0] == tokens[1]


def test_it_counts_tokens_and_writes_conversations_as_the_engine_does(
    remote: RemoteEngine, aligned_engine: TransformersEngine
) -> None:
    chat = [{"role": "user", "content": "Is it red?"}]
    texts = ["Is it red?", ""]
    assert remote.chat_prompt("tiny-llama", chat) == aligned_engine.chat_prompt("tiny-llama", chat)
    for engine in (remote, aligned_engine):
        with pytest.raises(InputError, match="chat_template_kwargs: prompts are not written"):
            engine.chat_prompt("tiny-llama", chat, {"enable_thinking": False})
    counted = aligned_engine.count_tokens("tiny-llama", texts)
    assert remote.count_tokens("tiny-llama", texts) == counted


def test_a_workbench_on_it_predicts_the_same(
    remote: RemoteEngine, aligned_engine: TransformersEngine, indexes
) -> None:
    made = [
        Workbench(engine, indexes=indexes).predict("Which topic?", task="scene_topic")
        for engine in (remote, aligned_engine)
    ]
    ids = [[n.instruction_id for n in p.nearest] for p in made]
    assert ids[0] == ids[1]
    assert made[0].degradation == pytest.approx(made[1].degradation, abs=1e-3)


def test_errors_of_the_other_server_are_the_librarys(remote: RemoteEngine) -> None:
    with pytest.raises(ModelNotFoundError, match="tiny-llama"):
        remote.read("gpt", PROMPTS[:1])
    long = Prompt(instruction_id="", example_id="", text="red " * 3000, options=())
    with pytest.raises(InputError, match="shorten the input"):
        remote.read("tiny-llama", [long])
    with pytest.raises(InputError, match="shorten the input"):
        stream(remote, "red " * 3000, GenerationSettings())


def test_an_engine_lost_in_the_middle_of_a_stream_is_an_engine_error(fake_url: str) -> None:
    engine = RemoteEngine(fake_url)

    async def run() -> None:
        settings = GenerationSettings(max_tokens=9)
        async for _ in engine.stream("fake", "fail later", settings):
            pass

    with pytest.raises(EngineError, match="the device is lost"):
        asyncio.run(run())
    engine.close()


def test_leaving_a_stream_stops_the_other_server(fake, fake_url: str, until) -> None:
    engine = RemoteEngine(fake_url)

    async def run() -> None:
        source = engine.stream("fake", "count", GenerationSettings(max_tokens=100_000))
        async for _ in source:
            break
        await source.aclose()

    asyncio.run(run())
    until(lambda: fake.running == 0)
    engine.close()


def test_a_server_that_is_not_there_is_named_with_the_command_that_starts_it() -> None:
    with pytest.raises(EngineError, match="python -m server"):
        RemoteEngine("http://127.0.0.1:9")
    with pytest.raises(InputError, match="not an address"):
        RemoteEngine("nonsense")


@pytest.mark.parametrize(("status", "body"), [(200, b"<html>"), (200, b"{}"), (404, b"gone")])
def test_something_else_at_the_address_is_no_steadfast_server(status: int, body: bytes) -> None:
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Other) as other:
        thread = threading.Thread(target=other.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        with pytest.raises(EngineError, match=r"127\.0\.0\.1"):
            RemoteEngine(f"http://127.0.0.1:{other.server_port}")
        other.shutdown()
        thread.join()


def test_build_engine_takes_the_backend_and_says_why(url: str) -> None:
    built = build_engine(Settings(backend=url))
    assert isinstance(built.engine, RemoteEngine)
    assert url in built.reason
    built.engine.close()


def test_build_engine_serves_a_folder_with_a_named_prefix(tiny_llama, tmp_path) -> None:
    built = build_engine(Settings(model=str(tiny_llama)))
    assert [m.id for m in built.engine.models()] == ["tiny-llama"]
    with pytest.raises(Exception, match="nowhere"):
        build_engine(Settings(model=str(tiny_llama), prefixes=(str(tmp_path / "nowhere"),)))


def test_a_server_with_a_key_answers_whoever_has_it(fake, tmp_path, serve) -> None:
    settings = Settings(jobs=tmp_path / "jobs", api_key="k" * 24)
    with serve(create_app(Workbench(fake, indexes=tmp_path), settings)) as address:
        engine = RemoteEngine(address, "k" * 24)
        assert engine.count_tokens("fake", ["a b"]) == [2]
        chunks = asyncio.run(_collected(engine))
        assert [c.finish_reason for c in chunks][-1] == "length"
        engine.close()
        for key in ("", "x" * 24):
            with pytest.raises(InputError, match="needs a key"):
                RemoteEngine(address, key)


async def _collected(engine: RemoteEngine) -> list[CompletionChunk]:
    return [c async for c in engine.stream("fake", "a", GenerationSettings(max_tokens=2))]


def test_a_busy_server_is_asked_again_when_it_says(fake, tmp_path, serve, monkeypatch) -> None:
    slept: list[float] = []
    settings = Settings(jobs=tmp_path / "jobs", predictions=1, waiting_predictions=1)
    access = Access(settings)
    bench = Workbench(fake, indexes=tmp_path)
    app = create_app(bench, settings, access=access)
    with serve(app) as address:
        engine = RemoteEngine(address)
        queue = access.admission.predictions
        with ExitStack() as full:
            full.enter_context(queue.entered())
            place = queue._place()

            def sleep(seconds: float) -> None:
                slept.append(seconds)
                queue._give_up(place)
                full.close()

            monkeypatch.setattr(remote_engine.time, "sleep", sleep)
            assert engine.count_tokens("fake", ["a b"]) == [2]
        engine.close()
    assert len(slept) == 1
    assert slept[0] >= 1
