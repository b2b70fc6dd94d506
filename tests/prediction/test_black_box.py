import json
from pathlib import Path

import numpy as np
import pytest

from robustness import cli
from robustness.errors import InputError, NotFoundError
from robustness.models.sentence_encoder import Encoder
from robustness.prediction import black_box

ASKS = ("Is it good", "Does the critic like it", "Judge the film", "Rate this review",
        "What is the verdict", "Name the sentiment", "Tell me the tone", "Decide how it sounds")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A final colon costs model `a` 30 points; one row is broken."""
    rng = np.random.default_rng(0)
    lines = ["instruction,task,model,accuracy"]
    for ask in ASKS:
        for end in ("?", ".", ":"):
            value = 80 - 30 * (end == ":") + rng.normal(0, 1)
            lines.append(f"{ask}{end},films,a,{value:.2f}")
            lines.append(f"{ask}{end},films,b,50")
    lines.append("Is it bad?,films,a,much")
    path = tmp_path / "measured.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_learned_cue_is_a_predicted_loss_with_an_interval(table: Path) -> None:
    known = black_box.read(table)
    colon = known.predict("Would you recommend it:", task="films", model="a")
    point = known.predict("Would you recommend it.", task="films", model="a")
    assert colon.degradation > point.degradation + 15
    assert colon.low < colon.degradation < colon.high
    assert colon.nearest[0].accuracy is not None
    assert "24 measured instructions" in colon.basis


def test_a_bad_row_is_named_and_costs_no_other(table: Path) -> None:
    known = black_box.read(table)
    assert known.errors == {48: "the accuracy 'much' is no number from 0 to 100"}
    assert known.tables["films"].shape == (24, 2)


def test_an_instruction_of_the_table_is_measured(table: Path) -> None:
    made = black_box.read(table).predict("Is it good:", task="films", model="a")
    assert made.tier == "measured"
    assert made.degradation == pytest.approx(20, abs=3)


def test_shares_become_points(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text("instruction,task,model,accuracy\nGood?,t,a,0.5\nBad?,t,a,1\n")
    assert black_box.read(path).tables["t"]["a"].tolist() == [100.0, 50.0]


def test_what_is_missing_or_unclear_is_said(table: Path, tmp_path: Path) -> None:
    known = black_box.read(table)
    with pytest.raises(InputError, match="several models, name one: a, b"):
        known.predict("Fine?", task="films")
    with pytest.raises(NotFoundError, match="no task 'songs'; it has films"):
        known.predict("Fine?", task="songs", model="a")
    path = tmp_path / "m.csv"
    path.write_text("instruction,task,accuracy\nGood?,t,1\n")
    with pytest.raises(InputError, match=r"no column 'model'; found: instruction, task, accuracy"):
        black_box.read(path)


def test_the_command_line_predicts_from_a_table(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["predict", "Would you recommend it:", "--measurements", str(table), "--of", "a"]
    with pytest.raises(SystemExit) as done:
        cli.main([*asked, "--task", "films", "--json"])
    assert done.value.code == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["degradation"] > 5
    assert "row 49 left out" in err


@pytest.fixture
def answered(tmp_path: Path) -> Path:
    """A hidden habit costs 40 points and shows in the answers, not in the text."""
    rng = np.random.default_rng(1)
    rows = []
    for ask in ASKS:
        for end in ("?", ".", ":"):
            works = bool(rng.random() < 0.6)
            answers = ["yes", "no"] * 10 if works else ["no"] * 20
            rows.append(
                {
                    "instruction": f"{ask}{end}", "task": "films", "model": "a",
                    "accuracy": 85.0 if works else 45.0, "n": 100, "answers": answers,
                }
            )
    path = tmp_path / "answered.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def test_answers_to_unlabelled_inputs_narrow_the_interval(answered: Path) -> None:
    known = black_box.read(answered)
    text = known.predict("Would you say so;", task="films")
    bad = known.predict("Would you say so;", task="films", answers=("no",) * 20)
    good = known.predict("Would you say so;", task="films", answers=("yes", "no") * 10)
    assert (text.tier, bad.tier) == ("distance", "probes")
    assert bad.degradation > good.degradation + 30
    assert bad.high - bad.low < (text.high - text.low) / 2
    assert "20 unlabelled inputs" in bad.basis
    with pytest.raises(InputError, match="same 3 inputs"):
        known.predict("Would you say so;", task="films", answers=("no",) * 3)


def test_labelled_inputs_are_drawn_towards_the_text(answered: Path) -> None:
    known = black_box.read(answered)
    mean = float(known.tables["films"]["a"].mean())
    text = known.predict("Would you say so;", task="films")
    few = known.predict("Would you say so;", task="films", labelled=(0, 2))
    many = known.predict("Would you say so;", task="films", labelled=(0, 200))
    assert few.tier == many.tier == "labelled"
    assert text.degradation < few.degradation < many.degradation
    assert many.degradation == pytest.approx(mean, abs=3)
    assert many.high - many.low < few.high - few.low
    with pytest.raises(InputError, match="no share"):
        known.predict("Would you say so;", task="films", labelled=(5, 2))
    with pytest.raises(InputError, match="13/16"):
        black_box.share_of("13 of 16")
    assert black_box.share_of("13/16") == (13, 16)


def test_a_measured_row_with_its_number_of_inputs_has_an_interval(answered: Path) -> None:
    known = black_box.read(answered)
    made = known.predict("Is it good?", task="films")
    assert made.tier == "measured"
    assert made.low < made.degradation < made.high
    assert made.high - made.low == pytest.approx(12, abs=5)


def test_what_other_models_reach_enters_where_it_is_known(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    lines = ["instruction,task,model,accuracy"]
    for ask in ASKS:
        for end in ("?", ".", ":"):
            value = rng.uniform(20, 90)
            lines += [f"{ask}{end},t,{m},{value + rng.normal(0, 1):.1f}" for m in ("a", "b")]
    lines += ["Would you say so;,t,b,25", "Might you say so;,t,b,85"]
    path = tmp_path / "m.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    known = black_box.read(path)
    low = known.predict("Would you say so;", task="t", model="a")
    high = known.predict("Might you say so;", task="t", model="a")
    assert low.degradation > high.degradation + 30
    assert "other models" in low.basis


def test_a_sentence_encoder_is_one_view_more(table: Path, tiny_llama: Path, tiny_t5: Path) -> None:
    known = black_box.read(table)
    plain = known.predict("Would you recommend it:", task="films", model="a")
    for folder in (tiny_llama, tiny_t5):
        embed = Encoder(str(folder))
        vectors = embed(["Is it good?", "Is it good?", "Rate this review."])
        assert vectors.shape[0] == 3
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)
        assert vectors[0] == pytest.approx(vectors[1])
        made = known.predict("Would you recommend it:", task="films", model="a", embed=embed)
        assert made.degradation != plain.degradation
        assert made.low < made.degradation < made.high
    with pytest.raises(NotFoundError, match="no encoder"):
        Encoder(str(table.parent / "nowhere"))


def test_a_bad_number_of_inputs_is_named(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text("instruction,task,model,accuracy,n\nGood?,t,a,50,many\nBad?,t,a,60,10\n")
    assert black_box.read(path).errors == {
        0: "n is 'many', not the number of inputs that it was measured on"
    }
