import pytest

from robustness import threads


def test_waiting_threads_sleep_unless_the_environment_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    monkeypatch.setenv("GOMP_SPINCOUNT", "")
    monkeypatch.delenv("GOMP_SPINCOUNT")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    threads.settle()
    assert threads.os.environ["OMP_WAIT_POLICY"] == "ACTIVE"
    assert threads.os.environ["GOMP_SPINCOUNT"] == "0"
