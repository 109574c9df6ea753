"""Which lines of a context are worth their tokens. Pure; used by `packing`.

What a line is worth is its value for each token, less for words that are there already. The best item has its place
before all else; a line that does not fit is first replaced by the memory made of it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush

from app.domain.budget import ELLIPSIS, Budget, shorten
from app.domain.rendering import Block, Counter, Layout, Line, Packed, Section, render

BEST_SHARE = 0.3  # kept for the best item before anything else is chosen
LEAST_LINE = 12  # tokens: a date; so many lines at most have room, and no more are looked at
LEAST_CUT = 16  # characters of a line of which only the beginning fits
SHORTER_WORTH = 0.6  # of a line's value lies in the memory made of it; the rest is what its own words add (choice)
REPEATED_WORTH = 0.5  # what is left of the value of a line whose every word is already there: it is still relevant
_JOINT = 3  # tokens at most that are counted twice where a line is counted in two pieces

_WORD = re.compile(r"\w{4,}")
_ENDS = re.compile(r"[.,!;:\u2026]+(?=\s|\Z)")
_UNSAID = str.maketrans("", "", ".,!;:\u2026 \t\n")


@dataclass(slots=True)
class _Candidate:
    """A line that may be chosen for `cost`. It takes the place of `short` where that is chosen; `longer` is what may
    take its own place.
    """

    line: Line
    value: float
    cost: int
    short: Line | None = None
    longer: "_Candidate | None" = None
    words: frozenset[str] | None = None  # once they are needed


class Choice:
    """What was chosen so far, the most important first, and what is left of the budget."""

    def __init__(self, max_tokens: int, layout: Layout, count: Counter) -> None:
        self.budget = Budget(max_tokens)
        self.budget.spend(layout.frame)
        self.layout = layout
        self.count = count
        self.kept: list[Line] = []
        self.ids: set[str] = set()
        self._alike: dict[str, list[Line]] = {}
        self._words: set[str] = set()  # of what is kept, while there is too much
        self._opened: set[str] = set()
        self._counted_as = (layout, count)
        self._heads: dict[tuple[str, bool], int] = {}
        # By the identity of a line, which is kept with it so that no other line can get the same.
        self._letters_of: dict[int, tuple[str, Line]] = {}

    def exactly(self, blocks: Sequence[Block]) -> Packed:
        """What was chosen as it is written, without the least important where the estimate was too low."""
        while True:
            packed = render(blocks, self.kept, self.layout, self.count, self.cost)
            over = packed.size - self.budget.total
            if over <= 0:
                return packed
            if len(self.kept) > 1 or not blocks:
                last = self.kept.pop()
                cut = None if self.kept else self._cut(last, self.cost(last) - over)
                self.kept += [cut] if cut is not None else []
            else:
                blocks = blocks[:-1]

    def cost(self, line: Line) -> int:
        """Tokens of a line, counted once: what stands before its words takes the same for every line of a speaker."""
        known = line.counts.get(self._counted_as)
        if known is None:
            form = (line.label, line.all_day)
            head = self._heads.get(form)
            if head is None:
                head = self._heads[form] = self.count(self.layout.head(line))
            known = line.counts[self._counted_as] = head + self.count(self.layout.body(line))
        return known

    def block_costs(self, block: Block) -> list[int]:
        """Tokens of each line of a block, counted once."""
        known = block.costs.get(self._counted_as)
        if known is None:
            known = block.costs[self._counted_as] = [self.count(self.layout.block(line)) for line in block.lines]
        return known

    def take_best(self, lines: Sequence[Line], share: float = 1.0, longer: Sequence[_Candidate] = ()) -> None:
        """Lines by their worth per token, as many as the share holds; all of them when they fit."""
        self.budget.open()
        there = self.ids | {candidate.line.id for candidate in longer}
        fresh = [(place, line) for place, line in enumerate(lines) if line.id not in there]
        waiting = [  # what a further item adds to recall falls about like 1 / rank
            _Candidate(line, 1 / (1 + place) if line.value is None else line.value, self.cost(line))
            for place, line in fresh[: self.budget.room(share) // LEAST_LINE]
        ]
        openings = sum(self.opening(section) for section in {candidate.line.section for candidate in waiting})
        if sum(candidate.cost for candidate in (*waiting, *longer)) + openings <= self.budget.room(share):
            for candidate in (*longer, *waiting):
                self._take(candidate, share)
        else:
            self._by_worth([*longer, *(self._first_form(candidate) for candidate in waiting)], share)

    def _by_worth(self, waiting: Sequence[_Candidate], share: float) -> None:
        """Greedy. A line's worth only falls while others are chosen, so it is looked at again when its turn comes."""
        heap = [(-candidate.value / candidate.cost, place, candidate) for place, candidate in enumerate(waiting)]
        heapify(heap)
        self._words = set().union(*(_words_in(line) for line in self.kept))
        while heap and self.budget.room(share) >= LEAST_LINE:
            _, place, candidate = heappop(heap)
            line, longer = candidate.line, candidate.longer
            if candidate.cost > self.budget.room(share) and longer is None and line.shorter is None:
                continue
            worth = -candidate.value * self._news(candidate) / candidate.cost
            if heap and worth > heap[0][0]:
                heappush(heap, (worth, place, candidate))
            elif self._is_there(line):
                if longer is not None:  # its memory came by itself
                    alone = _Candidate(longer.line, longer.value, self.cost(longer.line))
                    heappush(heap, (-alone.value / alone.cost, place, alone))
            elif self._take(candidate, share):
                self._words |= candidate.words or frozenset()
                if longer is not None:
                    heappush(heap, (-longer.value / longer.cost, place, longer))
            elif line.shorter is not None and candidate.short is None:
                self._take(self._shorter(line.shorter), share)

    def _first_form(self, whole: _Candidate) -> _Candidate:
        """The line itself, or first its shorter form where that gives more for a token."""
        shorter = whole.line.shorter
        if shorter is None or self._is_there(shorter):
            return whole
        value, cost = SHORTER_WORTH * whole.value, self.cost(shorter)
        if value * whole.cost <= whole.value * cost:
            return whole
        rest = _Candidate(whole.line, whole.value - value, max(1, whole.cost - cost), shorter)
        return _Candidate(shorter, value, cost, longer=rest)

    def _shorter(self, line: Line) -> _Candidate:
        return _Candidate(line, 0, self.cost(line))

    def _take(self, candidate: _Candidate, share: float = 1.0) -> bool:
        """Choose it if it fits; True also when it is there already."""
        line, short = candidate.line, candidate.short
        if self._is_there(line):
            return True
        if not self.budget.take(candidate.cost + self.opening(line.section), share=share):
            return False
        self._note(line)
        if short is None:
            self.kept.append(line)
        else:
            self.kept[next(i for i, kept in enumerate(self.kept) if kept is short)] = line
            self.ids.discard(short.id)
            self._alike[self._letters(short)].remove(short)
        return True

    def take_first(self, best: Line, *, alone: bool) -> list[_Candidate]:
        """The best item comes first in any case: whole, or its shorter form, or its beginning. What may later be put
        in the place of the shorter form is given back.
        """
        before = len(self.kept)
        room = self.budget.left - self.opening(best.section)
        whole = _Candidate(best, 1.0 if best.value is None else best.value, self.cost(best))
        first = whole if whole.cost <= min(room, self.budget.total * BEST_SHARE) else self._first_form(whole)
        longer: list[_Candidate] = []
        if self._take(first):
            longer = [first.longer] if first.longer is not None else []
        elif not self._take(whole) and not (best.shorter and self._take(self._shorter(best.shorter))):
            least = self.cost(replace(best, body=best.body[:LEAST_CUT] + ELLIPSIS))
            part = room if alone else max(min(room, least), room // 2)  # the others may know it too
            for tokens in (part, room):
                cut = self._cut(best, tokens)
                if cut is not None and self._take(_Candidate(cut, 0, self.cost(cut))):
                    break
        self.kept = self.kept[before:] + self.kept[:before]
        return longer

    def take_tail(self, tail: Sequence[Line], share: float) -> None:
        """The last turns, the latest first. A long one may not push out those before it: each gets its part."""
        self.budget.open()
        for place, line in enumerate(reversed(tail)):
            room = self.budget.room(share) - self.opening(line.section)
            fitted = line if self.cost(line) <= room else self._cut(line, room // (len(tail) - place))
            if fitted is not None:
                self.budget.spend(self.cost(fitted) + self.opening(line.section))
                self._note(line)
                self.kept.append(fitted)

    def held(self, best: Line | None) -> int:
        """What is kept for the best item: it whole, but no more than its share unless its beginning needs that."""
        if best is None:
            return 0
        opening = self.opening(best.section)
        whole = opening + self.cost(best)
        least = min(whole, opening + self.cost(replace(best, body=best.body[:LEAST_CUT] + ELLIPSIS)))
        if best.shorter is not None:
            least = min(least, self.opening(best.shorter.section) + self.cost(best.shorter))
        return min(whole, max(least, int(BEST_SHARE * self.budget.total))) if least <= self.budget.left else 0

    def _cut(self, line: Line, room: int) -> Line | None:
        """As much of a line as `room` tokens hold."""
        spare = room - self.cost(replace(line, body="")) + _JOINT
        for _ in range(_JOINT + 2):  # JSON writes some characters as two
            body = shorten(line.body, spare, self.count)
            cut = replace(line, body=body)
            over = self.cost(cut) - room
            if not body or over <= 0:
                return cut if body else None
            spare -= over
        return None

    def opening(self, section: Section) -> int:
        """Tokens that a section brings with its first line."""
        text = self.layout.opening(section)
        return self.count(text) if text and text not in self._opened else 0

    def open(self, section: Section) -> None:
        """From now on the section is there: a further line brings no opening."""
        self._opened.add(self.layout.opening(section))

    def _news(self, candidate: _Candidate) -> float:
        """From 1 for words that are all new down to what repeated ones are worth."""
        words = candidate.words
        if words is None:
            words = candidate.words = _words_in(candidate.line)
        known = len(words & self._words) / len(words) if words else 0.0
        return 1.0 - known * (1.0 - REPEATED_WORTH)

    def _note(self, line: Line) -> None:
        self.ids.add(line.id)
        self._alike.setdefault(self._letters(line), []).append(line)
        self.open(line.section)

    def _is_there(self, line: Line) -> bool:
        """Whether the line, or one that says the same, is chosen."""
        if line.id in self.ids:
            return True
        alike = self._alike.get(self._letters(line), ())
        return bool(alike) and _said(line) in map(_said, alike)

    def _letters(self, line: Line) -> str:
        """Equal for lines that may say the same: quick, and more than they need to have in common."""
        known = self._letters_of.get(id(line))
        if known is None:
            known = self._letters_of[id(line)] = (line.body.casefold().translate(_UNSAID), line)
        return known[0]


def _words_in(line: Line) -> frozenset[str]:
    return frozenset(_WORD.findall(line.body.lower()))


def _said(line: Line) -> tuple[str, ...]:
    """Who said what: equal for lines that differ only by case, spaces and the marks behind words."""
    return (line.label, *_ENDS.sub("", line.body.casefold()).split())
