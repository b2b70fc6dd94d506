import numpy as np
import pytest

from robustness.errors import InputError
from robustness.prediction.degradation.text_views import Views, format_features
from robustness.prediction.degradation.texts import MINIMUM, TextPredictor

ASKS = ("Is it good", "Does the critic like it", "Judge the film", "Rate this review",
        "What is the verdict", "Name the sentiment", "Tell me the tone", "Decide how it sounds")
ENDS = ("?", ".", ":", "? Answer yes or no.", ". Reply with one word.")


def _measured() -> tuple[list[str], np.ndarray]:
    """40 paraphrases; a final colon costs the first model 30 points, a question mark 10."""
    texts = [f"{ask}{end}\n{{text}}" if end != ":" else f"{ask}\n{{text}}:" for ask in ASKS
             for end in ENDS]
    rng = np.random.default_rng(1)
    loss = np.array([30.0 * t.endswith(":") + 10.0 * ("?" in t) for t in texts])
    first = 80.0 - loss + rng.normal(0, 2, len(texts))
    second = 60.0 - 0.5 * loss + rng.normal(0, 2, len(texts))
    return texts, np.stack([first, second], axis=1)


def test_a_learned_cue_beats_the_mean_on_new_wordings() -> None:
    texts, accuracies = _measured()
    new = ["Would you recommend it\n{text}:", "Would you recommend it.\n{text}"]
    made = TextPredictor(texts, accuracies).predict(new)
    assert made.value.shape == (2, 2)
    assert made.value[0, 0] < made.value[1, 0] - 15
    assert (made.low <= made.value).all()
    assert (made.value <= made.high).all()


def test_what_is_left_out_equals_a_fit_without_it() -> None:
    texts, accuracies = _measured()
    made = TextPredictor(texts, accuracies)
    rows = made.groups != made.groups[0]
    covariance = made._covariance[np.ix_(rows, rows)] + made._weights[-1] * np.eye(rows.sum())
    y = made._standard[:, 0]
    cross = made._covariance[np.ix_(~rows, rows)]
    expected = y[~rows] - cross @ np.linalg.solve(covariance, y[rows])
    assert np.allclose(made._residuals[~rows, 0], expected)


def test_intervals_cover_about_as_often_as_they_say() -> None:
    texts, accuracies = _measured()
    inside = []
    for start in range(0, 40, 5):
        out = np.zeros(40, dtype=bool)
        out[start : start + 5] = True
        known = [t for t, o in zip(texts, out, strict=True) if not o]
        asked = [t for t, o in zip(texts, out, strict=True) if o]
        made = TextPredictor(known, accuracies[~out]).predict(asked)
        inside.append((accuracies[out] >= made.low) & (accuracies[out] <= made.high))
    assert 0.8 <= np.mean(inside) <= 1.0


def test_other_models_enter_and_the_own_column_does_not() -> None:
    texts, accuracies = _measured()
    rng = np.random.default_rng(2)
    shared = rng.normal(0, 10, (40, 1))
    predictor = TextPredictor(texts, accuracies + shared)
    new, known = ["Would you recommend it.\n{text}"], np.array([[70.0, 40.0]])
    alone = predictor.predict(new).value[0]
    first = predictor.predict(new, others=known).value[0]
    other_own = predictor.predict(new, others=known + np.array([[20.0, 0.0]])).value[0]
    assert first[0] < alone[0] - 3
    assert other_own[0] == first[0]
    assert other_own[1] > first[1]


def test_a_model_that_was_not_measured_everywhere_is_predicted_from_what_it_has() -> None:
    texts, accuracies = _measured()
    accuracies[::3, 1] = np.nan
    made = TextPredictor(texts, accuracies).predict(["Would you recommend it\n{text}:"])
    assert np.isfinite(made.value).all()
    assert made.value[0, 1] < 55


def test_too_little_or_too_alike_is_refused_with_the_reason() -> None:
    texts, accuracies = _measured()
    with pytest.raises(InputError, match=f"at least {MINIMUM}.*found 3"):
        TextPredictor(texts[:3], accuracies[:3])
    with pytest.raises(InputError, match="near-duplicates"):
        TextPredictor(["Is the film good or bad?"] * 10, accuracies[:10])
    accuracies[:, 0] = np.nan
    with pytest.raises(InputError, match="no measurement"):
        TextPredictor(texts, accuracies)


def test_a_text_is_most_like_itself_in_every_view() -> None:
    texts, _ = _measured()
    views = Views(texts).similarity(texts, texts)
    for view in views:
        assert np.allclose(np.diag(view), 1.0)
        assert view.max() <= 1.0 + 1e-9


def test_format_features_see_placeholder_and_final_mark() -> None:
    colon, question = format_features(["Judge it: {text}:", "Is it good? {text}"])
    assert not np.array_equal(colon, question)
    assert colon[6] == 1
    assert question[6] == 0
