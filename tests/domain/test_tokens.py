"""Token counts, against known ids of o200k, and cuts that never come out too long."""

import subprocess
import sys
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.tokens import TokenizerFamily, count_tokens, counter, family_of, fits, truncate_to_tokens

FAMILIES = st.sampled_from(get_args(TokenizerFamily))
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


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("gpt-4o", "o200k"),
        ("openai/gpt-4o-mini-2024-07-18", "o200k"),
        ("chatgpt-4o-latest", "o200k"),
        ("gpt-4.1-nano", "o200k"),
        ("gpt-5", "o200k"),
        ("gpt-oss-20b", "o200k"),
        ("o3-mini", "o200k"),
        ("gpt-4", "cl100k"),
        ("gpt-4-turbo", "cl100k"),
        ("gpt-3.5-turbo-0125", "cl100k"),
        ("gpt-35-turbo", "cl100k"),
        ("ft:gpt-3.5-turbo:acme", "cl100k"),
        ("text-embedding-3-small", "cl100k"),
        ("meta-llama/Llama-3.1-8B-Instruct", "llama3"),
        ("deepseek-r1-distill-llama3", "llama3"),
        ("llama-2-7b-chat", "other"),
        ("claude-sonnet-4", "other"),
        ("anthropic/claude-3.5-haiku", "other"),
        ("mistral-large", "other"),
        ("Mixtral-8x7B", "other"),
        ("gemini-2.0-flash", "other"),
        ("Qwen2.5-7B", "other"),
        ("a-model-of-our-own", "o200k"),
        ("", "o200k"),
    ],
)
def test_the_family_of_a_model(model, family):
    assert family_of(model) == family


@given(TEXTS)
def test_a_bound_is_never_under_an_exact_count(text):
    exact = max(count_tokens(text, "o200k"), count_tokens(text, "cl100k"))
    assert exact <= counter("other")(text) <= 3 * len(text.encode())
    assert counter("llama3")(text) == count_tokens(text, "cl100k")


@pytest.mark.parametrize(
    ("text", "counted"),  # by the hungriest of the vocabularies that were measured
    [
        ("nature-inspired", 5),
        ("\t" * 40, 41),
        ("1234567890" * 4, 41),
        ("😂" * 30, 120),
        ("MY ART IS ABOUT EXPRESSING MY TRANS EXPERIENCE", 17),
        ("[2025-05-04 10:00] Anna: I moved.", 23),
    ],
)
def test_a_bound_covers_what_other_vocabularies_need(text, counted):
    assert counter("other")(text) >= counted


@given(TEXTS, st.integers(-1, 60), FAMILIES)
def test_a_cut_text_is_a_prefix_that_fits(text, tokens, family):
    cut = truncate_to_tokens(text, tokens, family)
    assert text.startswith(cut)
    assert count_tokens(cut, family) <= max(0, tokens)
    assert fits(cut, tokens, family)
    if fits(text, tokens, family):
        assert cut == (text if tokens > 0 else "")


@given(TEXTS, FAMILIES)
def test_fits_agrees_with_the_count(text, family):
    count = count_tokens(text, family)
    assert fits(text, count, family)
    assert not count or not fits(text, count - 1, family)


def test_a_cut_wastes_little():
    text = "We walked along the river for hours. " * 500
    assert count_tokens(truncate_to_tokens(text, 700)) >= 698


def test_counting_needs_no_vocabulary_in_python_and_warns_of_nothing():
    code = (
        "import sys; from app.domain.tokens import count_tokens; count_tokens('x'); "
        "assert 'bpe_openai' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
