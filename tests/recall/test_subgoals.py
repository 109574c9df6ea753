"""The goals inside a question: where it has several, which they are, and that one goal stays one."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.query import understand
from app.domain.subgoals import MOST, GoalKind, subgoals

NOW = datetime(2025, 6, 1, tzinfo=UTC)


def goals_of(question, most=MOST):
    return subgoals(question, understand(question, set(), NOW).names, most=most)


def texts(question, kind=None):
    return [goal.text for goal in goals_of(question) if kind is None or goal.kind is kind]


@pytest.mark.parametrize(
    ("question", "clauses"),
    [
        (
            "Where does Anna work and what does her brother study?",
            ["Where does Anna work?", "what does Anna's brother study?"],
        ),
        ("Where does Tom live, and when did he move?", ["Where does Tom live?", "when did Tom move?"]),
        ("Where do I live? And what is my job?", ["Where do I live?", "what is my job?"]),
        ("Did Anna like Rome and was the food good?", ["Did Anna like Rome?", "was the food good?"]),
        ("When did I call Anna and did Tom answer?", ["When did I call Anna?", "did Tom answer?"]),
        (
            "Tell me where Anna works and what her brother studies.",
            ["Tell me where Anna works?", "what Anna's brother studies?"],
        ),
        ("Have both Anna and Tom been to Rome?", ["Have Anna been to Rome?", "Have Tom been to Rome?"]),
        ("Where did both the cat and the dog sleep?", ["Where did the cat sleep?", "Where did the dog sleep?"]),
    ],
)
def test_clauses_that_a_conjunction_joins(question, clauses):
    assert texts(question, GoalKind.CLAUSE) == clauses


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("What did Anna do after she moved to Lisbon?", ["What did Anna do?", "Anna moved to Lisbon"]),
        ("After she moved to Lisbon, what did Anna do?", ["what did Anna do?", "Anna moved to Lisbon"]),
        ("Which city did Tom visit when he got promoted?", ["Which city did Tom visit?", "Tom got promoted"]),
        ("What did I buy since moving to Porto?", ["What did I buy?", "moving to Porto"]),
        ("What is the name of the friend who adopted Rex?", ["Who adopted Rex?"]),
        ("What is the job of the person who lives in Porto?", ["Who lives in Porto?"]),
    ],
)
def test_what_happened_around_it_and_who_somebody_is(question, parts):
    assert texts(question, GoalKind.PART) == parts


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("What do Anna and Tom have in common?", ["Anna", "Tom"]),
        ("What did Tom's boss say to Anna about New York?", ["Tom", "Anna", "New York"]),
    ],
)
def test_each_of_several_names_by_itself(question, names):
    assert texts(question, GoalKind.NAME) == names


@pytest.mark.parametrize(
    "question",
    [
        "What is my dog's name?",
        "When did Biscuit hurt his paw?",
        "Who plays rock and roll?",
        "Does he like Rock and Roll or Jazz?",
        "Do I eat bread and butter for breakfast?",
        "Do I take both salt and pepper?",
        "How many cats and dogs do I have?",
        "When and how did Tom break his leg?",
        "Where did we go and who with?",
        "What books do I read and why?",
        "When did Anna and her husband get married?",
        "What do I drink before my morning run?",
        "What did I do after work?",
        "What do I do when it rains?",
        "I moved in May and my sister came along.",
        "",
        "?",
    ],
)
def test_one_goal_has_none(question):
    assert goals_of(question) == ()


def test_a_speaker_is_whom_she_means_and_no_goal():
    question = "Where does Anna work and when did she meet Tom in Rome?"
    plan = understand(question, {"Anna Nowak"}, NOW)
    assert [goal.text for goal in subgoals(question, plan.names, plan.speakers)] == [
        "Where does Anna work?",
        "when did Anna meet Tom in Rome?",
        "Tom",
        "Rome",
    ]


def test_a_long_text_is_no_question():
    assert goals_of("Where does Anna work and what does Tom study? " * 30) == ()


WORDS = st.sampled_from(
    [
        "where",
        "what",
        "who",
        "did",
        "does",
        "Anna",
        "Tom",
        "her",
        "he",
        "and",
        ",",
        "?",
        "both",
        "between",
        "before",
        "after",
        "she",
        "moved",
        "to",
        "the",
        "person",
        "who",
        "lives",
        "in",
        "Rome",
        "rock",
        "roll",
        "&",
        ";",
        "tell",
        "me",
        "\n",
        "'s",
    ]
)
QUESTIONS = st.lists(WORDS, max_size=40).map(" ".join) | st.text(max_size=200)


@given(QUESTIONS, st.integers(0, 6))
def test_goals_are_few_shorter_than_a_text_and_always_the_same(question, most):
    goals = goals_of(question, most)
    assert goals == goals_of(question, most)
    assert len(goals) <= most
    folded = [goal.text.casefold() for goal in goals]
    assert len(set(folded)) == len(folded)
    whole = " ".join(question.split()).casefold().strip(" ?.!")
    for goal in goals:
        assert goal.text.strip(" ?.!")
        assert "\n" not in goal.text
        assert goal.text.casefold().strip(" ?.!") != whole


@given(QUESTIONS)
def test_clauses_are_at_least_two_or_none(question):
    kinds = [goal.kind for goal in goals_of(question, most=100)]
    assert kinds.count(GoalKind.CLAUSE) != 1
    assert kinds == sorted(kinds, key=list(GoalKind).index)
