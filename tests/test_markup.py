import html

import pytest
from markdown_it import MarkdownIt

from robustness.markup import in_markdown, in_plot

HOSTILE = (
    "<img src=http://x/a.png>", '<a href="http://x">a</a>', "<script>x</script>", "<!-- a",
    "[a](http://x)", "![a](http://x/a.png)", "[a][b]", "http://x.org", "www.x.org", "&lt;b&gt;",
    "`a`", "**a** *b* _c_ ~~d~~", r"a\|b|c \* \<b>", "<http://x>", "a_b <b", "$x$ %{y} $$z$$",
)
RENDERER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
PLAIN = ("12.3 [10.1, 14.5]", "< 0.001", "scene_topic", "a & b", "Is it so? (yes/no)")


def shown(rendered: str) -> str:
    """The text of rendered HTML with no element but the paragraph."""
    inside = rendered.strip().removeprefix("<p>").removesuffix("</p>")
    assert "<" not in inside, inside
    return html.unescape(inside)


@pytest.mark.parametrize("text", [*HOSTILE, *PLAIN])
def test_a_text_in_markdown_is_shown_as_it_is(text: str) -> None:
    assert shown(RENDERER.render(in_markdown(text))) == text


@pytest.mark.parametrize("text", PLAIN)
def test_a_text_without_markup_is_written_as_it_is(text: str) -> None:
    assert in_markdown(text) == text


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_stays_one_cell_of_a_table(text: str) -> None:
    table = f"| a | b |\n|---|---|\n| {in_markdown(text)} | last |\n"
    rendered = RENDERER.render(table)
    assert rendered.count("<td>") == 2
    assert html.unescape(rendered.partition("<td>")[2].partition("</td>")[0]) == text


@pytest.mark.parametrize("text", [*HOSTILE, *PLAIN])
def test_a_text_in_a_plot_holds_no_markup_and_is_decoded_to_itself(text: str) -> None:
    written = in_plot(text)
    assert not set("<>$") & set(written)
    assert "%{" not in written
    assert html.unescape(written) == text


def test_an_address_in_markdown_does_not_become_a_link() -> None:
    written = in_markdown("http://x.org https://y.org www.x.org WWW.x.org")
    assert "p://" not in written and "s://" not in written
    assert "www." not in written.lower()
