import numpy as np

from robustness.prediction import predictor, wording_map
from robustness.workbench import Workbench


def test_the_plane_keeps_the_directions_of_largest_variance() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(20, 5)).astype(np.float32) * [9, 4, 0.1, 0.1, 0.1]
    middle, directions, kept = wording_map.plane(points.astype(np.float32))
    assert kept > 0.99
    flat = (points - middle) @ directions.T
    whole = np.linalg.norm(points[:, None] - points[None], axis=2)
    drawn = np.linalg.norm(flat[:, None] - flat[None], axis=2)
    assert np.abs(whole - drawn).max() < 0.7


def test_a_prediction_with_its_place_is_the_prediction(workbench: Workbench) -> None:
    text = "{text}\nName the topic, please."
    query = workbench.resolve(text, task="scene_topic")
    placed = wording_map.predict(query, workbench.catalog)
    assert placed.prediction == predictor.predict(query, workbench.catalog)
    assert placed.place is not None
    part = workbench.index().tasks["scene_topic"]
    assert placed.place.ids == part.space.ids
    assert placed.observed_accuracy == 100 * part.correct.mean()


def test_an_observed_instruction_lies_on_its_own_point(workbench: Workbench) -> None:
    part = workbench.index().tasks["place"]
    known = workbench.index().instructions[part.space.ids[0]]
    query = workbench.resolve(known.text, task="place")
    place = wording_map.predict(query, workbench.catalog).place
    assert place is not None
    assert np.allclose(place.own, place.points[0], atol=1e-3)


def test_without_a_task_there_is_no_map(workbench: Workbench) -> None:
    query = workbench.resolve("Name the topic of {text}")
    assert wording_map.predict(query, workbench.catalog).place is None
