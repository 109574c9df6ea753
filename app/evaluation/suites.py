"""The four suites: how each data set is read, how many items it asks for, and how its answers become rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.evaluation import locomo, longmemeval, scenarios, synthetic
from app.evaluation.dataset import Conversation, first_questions
from app.evaluation.report import Figures, summarise
from app.evaluation.running import Asked, Step, ask, unseen
from app.evaluation.scoring import Row, score_longmemeval, score_turns
from app.evaluation.systems import System

Score = Callable[[System, Sequence[Asked], Step], list[Row]]
ITEMS = 20  # our deepest measure is recall@20
MOST_ITEMS = 100  # sessions are ranked by their turns, so more turns are needed (and no more may be asked for, SPEC 4)


@dataclass(frozen=True, slots=True)
class Suite:
    """A data set ready to run. `limit` is how many items each question asks for."""

    name: str
    conversations: list[Conversation]
    score: Score
    limit: int

    def measure(
        self, system: System, step: Step = unseen, *, name: str = "Asking"
    ) -> tuple[Figures, dict[str, dict[str, int]]]:
        """Ask everything once; figures and counts by group and measure."""
        asked = ask(system, self.conversations, step, limit=self.limit, name=name)
        return summarise(self.score(system, asked, step))


def of_locomo(data: Path, *, suffix: str, limit: int | None, questions: int | None) -> Suite:
    """Evidence recall on LoCoMo."""
    found = first_questions(locomo.read(data, suffix), questions)
    return Suite("locomo", found, _rows(score_turns), limit or ITEMS)


def of_longmemeval(
    data: Path, *, suffix: str, limit: int | None, questions: int | None, user_turns_only: bool
) -> Suite:
    """Retrieval on LongMemEval."""
    found = first_questions(longmemeval.read(data, suffix, user_turns_only=user_turns_only), questions)
    return Suite("longmemeval", found, _rows(score_longmemeval), limit or MOST_ITEMS)


def of_scenarios(data: Path, *, suffix: str, limit: int | None, questions: int | None) -> Suite:
    """What was understood of small conversations; `questions` takes whole scenarios."""
    found = scenarios.read(data, suffix)
    if questions is not None:
        found = found[: max(1, questions * len(found) // max(1, sum(len(s.recall) for s in found)))]

    def score(system: System, asked: Sequence[Asked], step: Step) -> list[Row]:
        return scenarios.judge(system, found, asked, step)

    return Suite("scenarios", [scenario.conversation for scenario in found], score, limit or ITEMS)


def of_synthetic(  # noqa: PLR0913 - each is an option of the command
    *, seed: int, users: int, size: int, suffix: str, limit: int | None, questions: int | None
) -> Suite:
    """Generated conversations with known answers."""
    found = first_questions(synthetic.generate(seed=seed, users=users, size=size, suffix=suffix), questions)
    return Suite("synthetic", found, _rows(score_turns), limit or ITEMS)


def _rows(score: Callable[[Sequence[Asked]], list[Row]]) -> Score:
    return lambda _system, asked, _step: score(asked)
