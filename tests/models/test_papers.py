from pathlib import Path
from shutil import copytree

from robustness import paths
from robustness.models import papers


def test_the_served_name_is_the_folders_or_the_hubs(tiny_llama: Path, tmp_path: Path) -> None:
    assert papers.model_id(tiny_llama) == "tiny-llama"
    assert papers.model_id("google/flan-t5-small") == "flan-t5-small"
    assert papers.model_id(paths.BACKBONE) == paths.BACKBONE_ID
    # A difference has the name of the model that is made of it, wherever it lies.
    assert papers.model_id(copytree(paths.TUNED, tmp_path / "copy")) == paths.TUNED.name
