import os
import time
from pathlib import Path

import pytest

from robustness.data import instructions
from robustness.data.importers import promptsource
from robustness.data.importers.imported import Imported
from robustness.data.prompts import fill
from robustness.errors import InputError, NotFoundError
from robustness.types import Example, TaskType

needs_data = pytest.mark.skipif(
    "STEADFAST_DATA" not in os.environ, reason="STEADFAST_DATA names no data folder"
)


def written(tmp_path: Path, *templates: tuple[str, str, str]) -> Path:
    """A file of (name, answer_choices, jinja)."""
    lines = ["dataset: group/films", "subset: short", "templates:"]
    for number, (name, choices, jinja) in enumerate(templates):
        lines += [
            f"  id-{number}: !Template", f"    answer_choices: {choices}", f"    name: {name}",
            "    metadata: !TemplateMetadata {original_task: true}", "    jinja: |-",
            *(f"      {line}" for line in jinja.split("\n")),
        ]
    path = tmp_path / "templates.yaml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def read(tmp_path: Path, *templates: tuple[str, str, str]) -> Imported:
    return promptsource.read(written(tmp_path, *templates))


def test_a_template_keeps_its_fields_and_its_label_words(tmp_path: Path) -> None:
    jinja = (
        '{{ review }}\nGood or {{"bad"}}? |||\n'
        "{% if label != -1 %}{{ answer_choices[label] }}{% endif %}"
    )
    made = read(tmp_path, ("verdict", "bad ||| good", jinja))
    (found,) = made.instructions
    assert found.text == "{review}\nGood or bad?"
    assert found.task_type is TaskType.BC
    assert found.task == "group_films_short"
    assert found.label_words == {"bad": "bad", "good": "good"}
    assert found.observed
    assert made.left == ()


def test_options_of_the_input_become_a_list_in_the_nearest_format(tmp_path: Path) -> None:
    made = read(
        tmp_path,
        (
            "letters", "A ||| B ||| C",
            "{{question}}\nA. {{ answer0 }}\nB. {{ answer1 }}\nC. {{ answer2 }}\n|||\n"
            "{{ answer_choices[label] }}",
        ),
        (
            "texts", "'{{ options | join(\"|||\") }}'",
            "{{question}}\n- {{ answer_choices | join(\"\\n- \") }}\n|||\n"
            "{{ answer_choices[0] }}",
        ),
        (
            "letters answered by text", "'{{ options | join(\"|||\") }}'",
            "{{question}}\n(a) {{ answer_choices[0] }}\n(b) {{ answer_choices[1] }}\n"
            "(c) {{ answer_choices[2] }}\n(d) {{ answer_choices[3] }}\n|||\n"
            "{{ answer_choices[0] }}",
        ),
    )
    assert [i.option_format for i in made.instructions[:2]] == ["letters_dot", "dashes"]
    assert {i.task_type for i in made.instructions} == {TaskType.QA}
    example = Example(task="t", fields={"question": "Which?"}, options=("red", "blue"))
    assert fill(made.instructions[0], example).text == "Which?\nA. red\nB. blue"
    # The third says the same as the second, once its letters are gone.
    assert "says the same" in made.left[0].reason


def test_a_condition_on_the_answer_does_not_hide_the_prompt(tmp_path: Path) -> None:
    made = read(
        tmp_path,
        (
            "conditional", "city ||| country ||| state",
            "{% if coarse == 4 %}\nWhich of {{', '.join(answer_choices)}}? {{text}}\n|||\n"
            "{{ answer_choices[fine-32] }}\n{% endif %}",
        ),
        ("never", "'yes ||| no'", "{% if false %}{{text}}{% endif %} ||| {{ answer_choices[0] }}"),
    )
    assert made.instructions[0].text == "Which of city, country, state? {text}"
    assert made.instructions[0].task_type is TaskType.MC
    assert "empty on every input" in made.left[0].reason


def test_the_branch_that_shows_the_input_is_taken(tmp_path: Path) -> None:
    made = read(
        tmp_path,
        ("hidden", "yes ||| no",
         "{% if text == '' %}Nothing.{% else %}{{text}}{% endif %} So? ||| {{answer_choices[0]}}"),
        ("none", "yes ||| no", "Is it so? ||| {{answer_choices[label]}}"),
        ("length", "yes ||| no",
         "{% if text|length < 3 and text|count == 6 %}{{text}} So?{% endif %}"
         " ||| {{answer_choices[0]}}"),
    )
    assert [i.text for i in made.instructions] == ["{text} So?"]
    assert [left.reason for left in made.left] == [
        "its prompt holds nothing of the input", "it says the same as "
        f"{tmp_path / 'templates.yaml'}, template 'hidden'",
    ]


def test_the_items_of_a_loop_are_one_field_and_become_no_options(tmp_path: Path) -> None:
    process = "{{ steps | join('\n- ') }}\n\n{{question}} ||| {{answer_choices[0]}}"
    made = read(
        tmp_path,
        ("joined", '"{{choices.text | join(\'|||\')}}"', process),
        ("looped", "more ||| less",
         "{% for step in answers %}{{step}}\n{% endfor %}{{question}} ||| {{answer_choices[0]}}"),
        ("cut", "more ||| less",
         "{{ steps[:-1] | join(', ') }} or {{ steps[-1] }}? ||| {{answer_choices[0]}}"),
    )
    assert [i.text for i in made.instructions] == [
        "{steps}\n\n{question}", "{answers}\n{question}",
        "{steps_0}, {steps_1}, {steps_2} or {steps_3}?",
    ]
    assert [c.what for c in made.changes if "'joined'" in c.where] == [
        "its items in a row became {steps}"
    ]


def test_letters_tell_how_many_options_there_are(tmp_path: Path) -> None:
    made = read(
        tmp_path,
        ("three", "A ||| B ||| C",
         "{{question}}\n{% for c in choices %}{{ answer_choices[loop.index0] }}. {{c}}\n"
         "{% endfor %} ||| {{ answer_choices[label] }}"),
    )
    assert made.instructions[0].text == "{question}\n{options}"
    assert made.instructions[0].option_format == "letters_dot"


def test_a_branch_that_fails_costs_no_other_and_a_reason_is_one_line(tmp_path: Path) -> None:
    made = read(
        tmp_path,
        ("fails", "yes ||| no",
         "{% if label %}{{text}} So?{% else %}{{ ''.missing.part }}{% endif %} ||| x"),
        ("filter", "yes ||| no", "{{ text | nothing }} ||| x"),
        ("formatted", "yes ||| no", "{{ '%0.1f' | format(score | float) }} of 5? ||| x"),
        ("state", "yes ||| no",
         "{% set ns = namespace(value='') %}{% set ns.value = text %}{{ ns.value }}? ||| x"),
    )
    assert [i.text for i in made.instructions] == ["{text} So?", "{score} of 5?", "{text}?"]
    assert [left.reason for left in made.left] == [
        "its Jinja cannot be read: No filter named 'nothing'."
    ]


def test_fields_with_digits_keep_their_names_and_others_are_renamed(tmp_path: Path) -> None:
    made = read(
        tmp_path,
        ("pair", "no ||| yes", "{{sentence1}} / {{Sentence2}}? ||| {{answer_choices[label]}}"),
    )
    assert made.instructions[0].text == "{sentence1} / {sentence2}?"
    assert made.changes[0].what == "placeholders renamed: {Sentence2} to {sentence2}"


@pytest.mark.parametrize(
    ("jinja", "reason"),
    [
        ("{% for i in range(5000) %}{% for j in range(5000) %}{% endfor %}{% endfor %}x ||| y",
         "too long"),
        ("{{ 'a' * 10**9 }} ||| y", "not read"),
        ("{{ 'a' * 999999999 }} ||| y", "too long"),
        ("{% set a = 'aaaaaaaa' %}" + "{% set a = a ~ a %}" * 40 + "{{ a }} ||| y", "too long"),
        ("{% set a = [1] %}" + "{% set a = [a, a] %}" * 60 + "{{ a }} ||| y", "too long"),
        ("{{ ('a'*40000).replace('a', 'b'*40000) }} ||| y", "too long"),
        ("{% set n = namespace(s='ab') %}{% for i in range(60) %}{% set n.s = n.s + n.s %}"
         "{% endfor %}{{ n.s }} ||| y", "too long"),
        ("{{ ''.__class__.__mro__ }} ||| y", "unsafe"),
        ("{{ lipsum.__globals__ }} ||| y", "__globals__"),
        ("{{ text['__class__'] }} ||| y", "__class__"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }} ||| y", "macros"),
        ("{{ text | center(1000000000) }} ||| y", "center"),
        ("{{ '%1000000000d' % 1 }} ||| y", "%"),
        ("{% include '/etc/passwd' %} ||| y", "include"),
        ("{{ text ||| y", "Jinja"),
        ("only a prompt", "|||"),
        ("{{ text }} {{ '{word}' }} ||| y", "{word}"),
    ],
)
def test_a_harmful_or_broken_template_is_left_out_quickly_and_costs_no_other(
    jinja: str, reason: str, tmp_path: Path
) -> None:
    started = time.monotonic()
    made = read(
        tmp_path, ("bad one", "no ||| yes", jinja), ("good", "no ||| yes", "{{text}}? ||| y")
    )
    assert time.monotonic() - started < 10
    assert [i.text for i in made.instructions] == ["{text}?"]
    assert len(made.left) == 1
    assert "'bad one'" in made.left[0].where
    assert str(tmp_path) in made.left[0].where
    assert reason in made.left[0].reason


def test_a_tag_that_makes_python_objects_is_refused_alone(tmp_path: Path) -> None:
    path = written(tmp_path, ("good", "no ||| yes", "{{text}}? ||| y"))
    harmful = tmp_path / "harm"
    with path.open("a", encoding="utf-8") as out:
        out.write(f"  evil: !!python/object/apply:os.mkdir ['{harmful}']\n")
    made = promptsource.read(path)
    assert not harmful.exists()
    assert len(made.instructions) == 1
    assert "Python object" in made.left[0].reason


def test_free_text_is_left_out_unless_a_type_is_given(tmp_path: Path) -> None:
    path = written(tmp_path, ("title", "null", "Write a title: {{text}} ||| {{title}}"))
    assert "free text" in promptsource.read(path).left[0].reason
    (forced,) = promptsource.read(path, TaskType.MC).instructions
    assert forced.task_type is TaskType.MC


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [1", "not YAML"),
        ("a: 1", "no templates"),
        ("- 1", "no templates"),
        ("", "no templates"),
        ("a: &x [*x]\nb: !!nope 1", "expected promptsource YAML"),
        ("a: &a {x: 1}\nb: {<<: [*a, *a]}", "merge keys"),
    ],
)
def test_another_file_is_refused_with_what_was_expected(
    text: str, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "other.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=words) as error:
        promptsource.read(path)
    assert "promptsource YAML" in str(error.value)


def test_a_folder_is_read_file_by_file_and_a_bad_file_costs_no_other(tmp_path: Path) -> None:
    written(tmp_path, ("good", "no ||| yes", "{{text}}? ||| y"))
    (tmp_path / "broken.yaml").write_text("a: [1")
    made = promptsource.read(tmp_path)
    assert len(made.instructions) == 1
    assert "broken.yaml" in made.left[0].where
    with pytest.raises(NotFoundError, match="does not exist"):
        promptsource.read(tmp_path / "nowhere")


@needs_data
def test_the_published_templates_are_taken_but_for_those_of_free_text(tmp_path: Path) -> None:
    made = promptsource.read(Path(os.environ["STEADFAST_DATA"]) / "promptsource")
    assert made.entries == 110
    assert len(made.instructions) >= 104
    assert all("free text" in entry.reason for entry in made.left)
    rte = [i for i in made.instructions if i.task == "super_glue_rte"]
    assert len(rte) == 10
    assert {i.task_type for i in rte} == {TaskType.BC}
    instructions.write_collection(tmp_path / "p3.jsonl", made.instructions)
    assert instructions.read_collection(tmp_path / "p3.jsonl") == list(made.instructions)
