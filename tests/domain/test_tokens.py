"""Token counts, against known ids of o200k, and cuts that never come out too long."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.tokens import count_tokens, fits, truncate_to_tokens

TEXTS = st.text(max_size=200) | st.lists(
    st.sampled_from(
        ["hello", " world", "\n", "  ", "'s", "'LL", "日本", "🎉", "é", "<|endoftext|>", "123456", "\t", "!?", "हि"]
    )
).map("".join)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("hello world", 2),
        ("hello <|endoftext|> world", 9),  # plain text: as a special token it would be 3
        ("don't don't don't ", 4),
        ("123456789", 3),
        ("a" * 2_000_000, 250_000),
        ("\n\n\n", 1),
    ],
)
def test_counts(text, count):
    assert count_tokens(text) == count


def test_another_family():
    assert count_tokens("日本語のテキスト", "cl100k") > count_tokens("日本語のテキスト", "o200k")


@given(TEXTS, st.integers(-1, 60))
def test_a_cut_text_is_a_prefix_that_fits(text, tokens):
    cut = truncate_to_tokens(text, tokens)
    assert text.startswith(cut)
    assert count_tokens(cut) <= max(0, tokens)
    assert fits(cut, tokens)
    if fits(text, tokens):
        assert cut == (text if tokens > 0 else "")


@given(TEXTS)
def test_fits_agrees_with_the_count(text):
    count = count_tokens(text)
    assert fits(text, count)
    assert not count or not fits(text, count - 1)


def test_a_cut_wastes_little():
    text = "We walked along the river for hours. " * 500
    assert count_tokens(truncate_to_tokens(text, 700)) >= 698


def test_counting_needs_no_vocabulary_in_python_and_warns_of_nothing():
    code = (
        "import sys; from app.domain.tokens import count_tokens; count_tokens('x'); "
        "assert 'bpe_openai' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
