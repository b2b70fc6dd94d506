"""The tests neither read nor write the user's folders."""

import os
import pwd
import tempfile
from pathlib import Path

import pytest
from huggingface_hub import constants


def test_the_home_folder_is_a_temporary_one() -> None:
    assert Path.home().is_relative_to(tempfile.gettempdir())
    assert Path.home() != Path(pwd.getpwuid(os.getuid()).pw_dir)


def test_libraries_keep_their_caches_there() -> None:
    assert Path(constants.HF_HOME).is_relative_to(Path.home())
    assert Path(constants.HF_HUB_CACHE).is_relative_to(Path.home())


@pytest.mark.parametrize("name", ["STEADFAST_JOBS", "STEADFAST_PARAPHRASER_KEY", "VLLM_API_KEY"])
def test_no_setting_of_the_environment_reaches_a_test(name: str) -> None:
    assert name not in os.environ
