from pathlib import Path

import pytest

from robustness.errors import InputError
from server import commands, keys
from server import port as ports
from server.options import run, settings_from

KEY, OTHER = "k" * 24, "o" * 24


def test_the_keys_of_a_file_have_holders(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(f"# for the demo\nanna {KEY}\n\nben {OTHER} # until May\n", encoding="utf-8")
    made = keys.read(path, "ignored-where-there-is-a-file")
    assert (made.holder(KEY), made.holder(OTHER)) == ("anna", "ben")
    assert made.holder("anna") is made.holder("") is made.holder(KEY[:-1]) is None
    assert made.mark("anna") != made.mark("ben")
    assert made.mark("nobody") == ""


def test_a_variable_holds_keys_too_and_none_is_none() -> None:
    assert keys.read(None, KEY).holder(KEY) == "user"
    made = keys.read(None, f"anna {KEY},ben {OTHER}")
    assert made.holder(OTHER) == "ben"
    assert not keys.read(None, "")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no key"), ("# nothing\n", "no key"), ("short", "16 characters"),
        (f"a b {KEY}", "line 1"), (f"anna {KEY}\nanna {OTHER}", "line 2.*twice"),
        (f"anna {KEY}\nben {KEY}", "line 2.*twice"), (f"{KEY}\n{OTHER}", "line 2.*twice"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_without_its_keys(
    tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / "keys"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=words) as caught:
        keys.read(path, "")
    assert KEY not in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        keys.read(tmp_path / "keys", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--host", "0.0.0.0"], ["--host", "::"], ["--allow-host", "demo.org"],
        ["--proxy", "10.0.0.1"],
    ],
)
@pytest.mark.parametrize("command", [commands.serve, commands.demo])
def test_others_do_not_reach_a_server_without_a_key_unless_that_is_said(
    arguments: list[str], command, monkeypatch: pytest.MonkeyPatch, capsys, tmp_path: Path
) -> None:
    served = []
    # A demo may be running on the default port.
    arguments = [*arguments, "--jobs", str(tmp_path), "--port", str(ports.free())]
    monkeypatch.setattr(commands, "load", lambda _: lambda settings, _: served.append(settings))
    with pytest.raises(SystemExit) as caught:
        run(command, arguments, prog="x")
    assert caught.value.code == 2
    assert "--no-auth" in capsys.readouterr().err
    assert not served
    assert settings_from(arguments).public
    for more, variable in ((["--no-auth"], ""), ([], KEY)):
        monkeypatch.setenv("STEADFAST_API_KEY", variable)
        with pytest.raises(SystemExit) as ended:
            run(command, [*arguments, *more], prog="x")
        assert not ended.value.code
    assert len(served) == 2


def test_a_key_and_no_auth_together_are_a_mistake(monkeypatch, capsys) -> None:
    monkeypatch.setenv("STEADFAST_API_KEY", KEY)
    with pytest.raises(SystemExit) as caught:
        run(commands.serve, ["--no-auth"], prog="x")
    assert caught.value.code == 2
    assert KEY not in capsys.readouterr().err
