"""The words of a reflection when a model makes them: what it invents is refused, and the template stands."""

from datetime import UTC, datetime
from uuid import uuid4

import orjson
import pytest

from app.domain.sleep import Reflect
from app.inference.llm import ModelFailedError
from workers.lifecycle.sleep_words import asked

LINES = ("Anna went climbing with Tom.", "Anna bought 2 climbing shoes.", "Anna fell while climbing in Ghent.")
AT = datetime(2026, 3, 1, tzinfo=UTC)
REFLECT = Reflect(
    uuid4(),
    0,
    "Anna has spoken of climbing in 3 conversations in March 2026.",
    "anna",
    "climbing",
    (),
    LINES,
    3,
    AT,
    AT,
)


class Scripted:
    """Answers with what it was given."""

    def __init__(self, text, statements=(1, 2, 3)) -> None:
        self.reply = text if statements is None else orjson.dumps({"text": text, "statements": statements}).decode()
        self.questions = []

    def ask(self, question, *, seconds, check) -> str:
        check()
        self.questions.append(question)
        return self.reply


def ask(model) -> str:
    return asked(model, REFLECT, lambda: None)


def test_a_sentence_that_rests_on_what_was_shown_is_kept():
    model = Scripted("Anna goes climbing more and more, lately with Tom in Ghent.")
    assert ask(model) == "Anna goes climbing more and more, lately with Tom in Ghent."
    told = model.questions[0].messages[1]["content"]
    assert all(line in told for line in LINES)
    assert str(REFLECT.id) not in told  # a model sees numbers, never ids


@pytest.mark.parametrize(
    ("text", "statements", "kind"),
    [
        ("Anna likes climbing.", (1, 2, 9), "invented_ids"),
        ("Anna likes climbing.", (1, 2), "no_basis"),
        ("Anna likes climbing.", (1, True, "3"), "invented_ids"),
        ("Anna likes climbing with Maria.", (1, 2, 3), "invented_names"),
        ("Anna went climbing 14 times.", (1, 2, 3), "invented_names"),
        ("Anna likes shoes.", (1, 2, 3), "off_topic"),
        ("Anna likes climbing. " * 20, (1, 2, 3), "unusable"),
        ("", (1, 2, 3), "unusable"),
        ("I cannot help with that.", None, "unreadable"),
        ("[1, 2]", None, "unreadable"),
    ],
)
def test_what_it_invents_is_refused(text, statements, kind):
    with pytest.raises(ModelFailedError) as caught:
        ask(Scripted(text, statements))
    assert caught.value.kind == kind
