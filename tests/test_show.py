from robustness import show
from robustness.scoring import Summary
from robustness.workbench import Workbench


def test_a_prediction_shows_its_basis_and_neighbours(workbench: Workbench) -> None:
    made = workbench.predict("Answer yes or no.", task="scene_topic")
    text = show.prediction(made)
    assert made.basis in text
    assert "Conflict: It asks for yes or no" in text
    assert text.count("distance") >= len(made.nearest)


def test_a_comparison_shows_the_prompt_and_every_option(workbench: Workbench) -> None:
    text = show.comparison(workbench.compare("Which topic?", task="scene_topic"))
    assert "Prompt:" in text
    assert all(f"{option} " in text for option in ("food", "sport", "music", "travel", "work"))


def test_a_summary_counts_errors() -> None:
    assert show.summary(Summary(out="x.csv", rows=3, errors=1)) == (
        "x.csv: 3 rows, 1 of them with an error"
    )
