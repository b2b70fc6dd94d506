from robustness.stats import interval_text


def test_a_value_stands_before_its_interval() -> None:
    assert interval_text.with_bounds(12.34, 10.06, 14.5) == "12.3 [10.1, 14.5]"
    assert interval_text.bounds(-1.0, 2.0, ".2f") == "[-1.00, 2.00]"


def test_differences_have_signs_and_their_ends_may_have_none() -> None:
    change = interval_text.CHANGE
    assert interval_text.with_bounds(2, -1, 5, change) == "+2.0 [-1.0, +5.0]"
    assert interval_text.with_bounds(2, -1, 5, change, ends=".1f") == "+2.0 [-1.0, 5.0]"


def test_the_page_has_minus_signs() -> None:
    assert interval_text.typeset("-1.0 [-2.0, +0.5]") == "−1.0 [−2.0, +0.5]"
