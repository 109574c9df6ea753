"""Search terms and BM25 vectors."""

import math
import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.lexical import document_vector, query_vector, term_id, tokens
from app.domain.sparse import SparseVector

WORDS = st.text(alphabet=st.characters(categories=("Lu", "Ll", "Lo", "Nd")), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Melanie's running shoes", ["melani", "run", "shoe"]),
        ("What did you say to me?", ["say"]),
        ("I don't, won't and can't", []),
        ("Melanie\u2019s", ["melani"]),
        ("O'Brien rock'n'roll", ["o", "brien", "rock", "n", "roll"]),
        ("On 2025-05-04.", ["2025-05-04", "2025-05", "2025"]),
        ("in 2025-05", ["2025-05", "2025"]),
        ("2025-13-04", ["2025", "13", "4"]),
        ("May 4th, 05/07/2025", ["may", "4", "5", "7", "2025"]),
        ("$1,200.50, 10:30, 3.5 and 1,200", ["1200.50", "10:30", "3.5", "1200"]),
        ("ORD-88213 foo_bar", ["ord", "88213", "foo", "bar"]),
        ("Zoë's café", ["zoe", "cafe"]),
        ("\uff21\uff22\uff23 \ufb01sh", ["abc", "fish"]),  # full width, ligature
        ("straße STRASSE", ["strass", "strass"]),
        ("Привет, Москва", ["привет", "москва"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("שָׁלוֹם", ["שלום"]),
        ("猫が好き", ["猫が", "が好", "好き", "猫", "好"]),
        ("犬", ["犬"]),
        ("서울에", ["서울", "울에"]),
        ("สวัสดี", ["สว", "วั", "ัส", "สด", "ดี"]),
        ("🎉 ... —", []),
        ("", []),
    ],
)
def test_terms(text, expected):
    assert tokens(text) == expected


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Who is running?", "Anna runs every day"),
        ("Zoe", "I met Zoë"),
        ("猫", "私は猫を飼っています"),
        ("北京", "我下个月要去北京出差"),
        ("서울", "서울에 갔어요"),
        ("ORD-88213", "the order is ord-88213."),
        ("what happened in 2025-05", "on 2025-05-04 we moved"),
        ("Caroline\u2019s necklace", "Caroline: my necklace"),
        ("May", "see you in May"),
        ("Will", "Will called"),
    ],
)
def test_a_question_meets_the_text_that_it_is_about(question, text):
    assert set(tokens(question)) & set(tokens(text))


@given(st.text(max_size=300))
def test_any_text_gives_well_formed_vectors(text):
    for vector in (document_vector(text, 20), query_vector(text)):
        assert vector.indices.dtype == np.uint32
        assert vector.values.dtype == np.float32
        assert len(vector.indices) == len(vector.values)
        assert (np.diff(vector.indices.astype(np.int64)) > 0).all()
        assert (vector.values > 0).all()
    stored = SparseVector.from_bytes(document_vector(text, 20).to_bytes())
    assert (stored.indices == document_vector(text, 20).indices).all()


@given(st.lists(WORDS, min_size=1, max_size=8))
def test_terms_do_not_depend_on_case_or_on_what_stands_between(words):
    plain = " ".join(words)
    assert tokens(plain) == tokens(plain + "\n")
    assert sorted(tokens(plain)) == sorted(term for word in words for term in tokens(word))
    assert tokens(plain.upper().lower()) == tokens(plain.upper().lower().casefold())


@given(st.text(alphabet=st.characters(categories=("Lo", "Nd"), exclude_characters="\xaa"), min_size=1, max_size=12))
def test_a_word_of_any_script_is_searchable(word):
    assert tokens(word)


@given(WORDS)
def test_a_word_is_found_inside_a_text(word):
    assert set(tokens(word)) <= set(tokens(f"We spoke of {word} today."))


@given(st.integers(1, 50), st.integers(1, 200))
def test_weights_follow_bm25(repeats, others):
    text = " ".join(["zebra"] * repeats + [f"w{i}" for i in range(others)])
    weight = dict(zip(*_columns(document_vector(text, 20)), strict=True))[term_id("zebra")]
    length = repeats + others
    assert math.isclose(weight, repeats * 2.2 / (repeats + 1.2 * (0.25 + 0.75 * length / 20)), rel_tol=1e-5)
    assert weight < 2.2


def test_a_term_in_a_short_text_weighs_more():
    short = document_vector("the zebra", 20).values[0]
    long = document_vector("the zebra " + "grass " * 40, 20)
    assert short > dict(zip(*_columns(long), strict=True))[term_id("zebra")]


def test_query_counts_repeated_terms():
    assert _columns(query_vector("dog dogs cat"))[1].count(2.0) == 1


def test_term_ids_are_the_same_in_every_process():
    code = "from app.domain.lexical import term_id; print(term_id('lisbon'), term_id('日本'))"
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert output.split() == [str(term_id("lisbon")), str(term_id("日本"))]
    assert term_id("lisbon") == 543183029  # stored vectors hold it


def test_threads_do_not_disturb_each_other():
    texts = [f"running quickly through {i} connected stations happily" for i in range(300)]
    expected = [tokens(text) for text in texts]
    results: dict[int, list[list[str]]] = {}

    def work(number: int) -> None:
        results[number] = [tokens(text) for text in texts]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(result == expected for result in results.values())


@pytest.mark.parametrize(
    "text", ["a" * 65_536, "é'" * 32_768, "日" * 65_536, "1," * 32_768, "1." * 32_768 + "x", "-" * 65_536]
)
@pytest.mark.timeout(5)
def test_hostile_texts_take_linear_time(text):
    tokens(text)


def _columns(vector: SparseVector) -> tuple[list[int], list[float]]:
    return vector.indices.tolist(), vector.values.tolist()
