"""Whatever a model writes around its statements, and whatever it leaves out, the statements are found."""

import json
import time

import pytest

from tests.support.scripted_llm import statement
from workers.extract.model_parse import statements_in

ONE, TWO = statement("The user has a dog.", [1]), statement('The user\'s band is called "The {Cats}".', [2])
WHOLE = json.dumps({"statements": [ONE, TWO]})


@pytest.mark.parametrize(
    "reply",
    [
        WHOLE,
        f"```json\n{WHOLE}\n```",
        f"```\n{json.dumps([ONE, TWO], indent=4)}\n```",
        f'Here you are ("as asked"):\n{WHOLE}\nAnything else?',
        f'An odd " mark {{ before it. {WHOLE}',
        f'<think>{{"statements": [{json.dumps(ONE)}]}} or not</think>\n{WHOLE}',
        f"some thoughts without a beginning</think>{WHOLE}",
        json.dumps([ONE, TWO]),
        json.dumps({"memories": [ONE, TWO]}),
        json.dumps({"output": {"statements": [ONE, TWO]}}),
        f"{json.dumps(ONE)}\n{json.dumps(TWO)}",
        WHOLE.replace("}, {", ",}, {").replace("}]}", "},],}"),
        WHOLE.replace('"The user has', '"The user\thas').replace("\t", " "),
        f'{{"statements": []}} was a first try. {WHOLE}',
    ],
)
def test_both_statements_are_found(reply):
    assert statements_in(reply) == [ONE, TWO]


def test_a_broken_end_leaves_what_is_complete():
    cut = WHOLE[: WHOLE.index("band")]
    assert statements_in(cut) == [ONE]
    assert statements_in(f"```json\n{cut}") == [ONE]


@pytest.mark.parametrize("reply", ['{"statements": []}', "[]", "```json\n[]\n```", 'Nothing: {"statements": []}'])
def test_nothing_to_remember_is_an_answer(reply):
    assert statements_in(reply) == []


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "No.",
        "null",
        "7",
        '"text"',
        "{",
        "{}",
        '{"error": "busy"}',
        f"<think>{WHOLE}",
        '["a", "b"]',
        WHOLE[:40],
        "}{",
    ],
)
def test_what_is_no_answer_is_none(reply):
    assert statements_in(reply) is None


def test_a_single_statement_needs_no_list():
    assert statements_in(json.dumps(ONE)) == [ONE]


MESSES = (
    "{" * 200_000, "{" * 200_000 + "}" * 200_000, "[" * 200_000, '{"' * 100_000, "{}" * 100_000, '"' * 300_001,
    '{"statements": ' * 30_000, "<think>" * 50_000, '\\"' * 150_000, "," * 300_000,
    " " * 300_000 + "[", "{" + '\\"' * 90_000,
)  # fmt: skip


@pytest.mark.parametrize("mess", MESSES, ids=lambda mess: mess[:6])
def test_a_mess_is_read_in_no_time(mess):
    began = time.thread_time()  # of this thread alone: what else the machine does is no matter
    assert not statements_in(mess)
    assert time.thread_time() - began < 20  # the square of the length would take minutes


def test_a_flood_is_cut():
    assert len(statements_in(json.dumps([ONE] * 5_000))) == 100
