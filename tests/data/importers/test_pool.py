from robustness.data.importers import pool
from robustness.types import Instruction, TaskType


def made(*texts: str) -> list[Instruction]:
    return [Instruction(text=t, collection="pool", task_type=TaskType.BC, task="t") for t in texts]


def test_near_duplicates_of_other_sets_are_left_out() -> None:
    kept = pool.without_near(
        made("Is the review below positive?", "Tell whether this is a con"),
        made("Is the review below positive"),
    )
    assert [i.text for i in kept] == ["Tell whether this is a con"]


def test_a_cluster_is_never_divided_between_the_halves() -> None:
    texts = [f"Is the sentence {n} a positive review of a film?" for n in range(4)]
    development, test = pool.split(made(*texts, "Quelle est la langue", "Zap: {text}"), seed=0)
    sides = [{i.text in texts for i in half} for half in (development, test)]
    assert len(development) + len(test) == 6
    assert sum(True in side for side in sides) == 1


def test_the_split_is_the_same_for_the_same_seed() -> None:
    texts = [f"{word} {{text}}" for word in ("alpha", "beta", "gamma", "delta", "omega")]
    assert pool.split(made(*texts), seed=3) == pool.split(made(*texts), seed=3)
