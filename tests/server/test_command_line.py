from pathlib import Path

from robustness import paths
from robustness.cli.open import folders_of
from robustness.models.load_options import Loading, TemplateOptions
from server import command_line
from server.settings import Settings


def test_the_shipped_models_need_no_more_than_their_adapter() -> None:
    made = command_line.options(Settings(), ["steadfast-mini", "steadfast-mini+pt-kl"])
    assert made == {"steadfast-mini": [], "steadfast-mini+pt-kl": ["--prefix", "pt-kl"]}
    assert "pt-kl" in folders_of([Path("pt-kl")], str(paths.BACKBONE))


def test_whatever_changes_a_number_is_an_option(tmp_path: Path) -> None:
    adapter = tmp_path / "mine"
    adapter.mkdir()
    settings = Settings(
        model="org/model", prefixes=(str(adapter),), indexes=tmp_path, prompt_format="alpaca",
        loading=Loading(
            revision="v1", dtype="float16", trust_remote_code=True,
            template=TemplateOptions(system="Be kind.", arguments=(("think", False),)),
        ),
    )
    made = command_line.options(settings, ["model+mine"])["model+mine"]
    assert made == [
        "--model", "org/model", "--indexes", str(tmp_path), "--prompt-format", "alpaca",
        "--revision", "v1", "--dtype", "float16", "--trust-remote-code",
        "--system-prompt", "Be kind.", "--template-arg", "think=false", "--prefix", str(adapter),
    ]


def test_strangers_see_no_path_of_the_machine_and_none_of_another_server(tmp_path: Path) -> None:
    settings = Settings(model=str(tmp_path), host="0.0.0.0", no_auth=True)
    assert command_line.options(settings, ["m"]) == {"m": ["--model", tmp_path.name]}
    inside = Settings(model=str(paths.ASSETS), host="0.0.0.0", no_auth=True)
    assert command_line.options(inside, ["m"]) == {"m": ["--model", "assets"]}
    assert command_line.options(Settings(backend="http://x.y"), ["m"]) == {}
