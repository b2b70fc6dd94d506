from robustness.cli.render import predictions, tables, training
from robustness.scoring.batch import Summary
from robustness.training.backbone.train import Progress
from robustness.workbench import Workbench


def test_a_prediction_shows_its_basis_and_neighbours(workbench: Workbench) -> None:
    made = workbench.predict("Answer yes or no.", task="scene_topic")
    text = predictions.prediction(made)
    assert made.basis in text
    assert "Conflict: It asks for yes or no" in text
    assert text.count("distance") >= len(made.nearest)


def test_a_comparison_shows_the_prompt_and_every_option(workbench: Workbench) -> None:
    text = predictions.comparison(workbench.compare("Which topic?", task="scene_topic"))
    assert "Prompt:" in text
    assert all(f"{option} " in text for option in ("food", "sport", "music", "travel", "work"))


def test_a_summary_counts_errors() -> None:
    assert tables.summary(Summary(out="x.csv", rows=3, errors=1)) == (
        "x.csv: 3 rows, 1 of them with an error"
    )
    kept = Summary(out="x.csv", rows=3, errors=1, renamed={"low": "given_low"})
    assert tables.summary(kept).endswith("\nyour column 'low' is kept as 'given_low'")


def test_training_shows_speed_and_accuracy_by_type_and_group() -> None:
    made = Progress(
        step=100,
        steps=200,
        loss=0.5,
        tokens_per_second=4000.4,
        accuracy={"colour": 0.5, "dense_story": 0.9, "place": 1.0, "polarity": 0.6},
    )
    text = training.training(made)
    assert text.startswith("step 100 of 200: loss 0.500, 4000 tokens/s; accuracy BC 60.0, QA 75.0")
    assert "dense_story 90" in text
