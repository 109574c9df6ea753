"""Text that Mneme returned, recognised when it comes back inside an event. Pure; used by recall and by extraction.

Sentences are compared by a 64-bit hash of their normalised form. A statement of ours (a memory, a line of a block) is
recognised wherever it stands. What a user said once themselves is recognised only where it cannot be the user saying it
again: behind the date that our context lines carry, or when somebody else sends it.
"""

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from app.domain.event import Event, Role
from app.domain.normalise import normalise

REMEMBERED = timedelta(days=30)  # for how long what was served is recognised
LEAST_WORDS = 3  # shorter sentences ("Yes, please.") are everybody's

_DATED = re.compile(r"\[\d{4}-\d\d-\d\d(?: \d\d:\d\d)?\] ?")
_LABEL = re.compile(r"[^:.!?\n]{1,128}: ")
_MARK = re.compile(r"\s*(?:(?:[>*\u2022-]|\d{1,3}[.)])\s+)*")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


class ServedKind(StrEnum):
    STATEMENT = "statement"  # our own words
    TURN = "turn"  # words of the conversation, given back


@dataclass(frozen=True, slots=True)
class _Sentence:
    """One sentence of a text; `dated` when it stands in a line that carries our date."""

    text: str
    dated: bool


class LineHashes:
    """Hashes of lines that were worked out before: most recalls of a user serve the same lines. It holds hashes alone,
    no text. Threads may share it.
    """

    def __init__(self, most: int = 20_000) -> None:
        self._most = most
        self._known: dict[bytes, tuple[tuple[int, ...], bool]] = {}

    def of(self, line: str, *, dated: bool, kinds: Mapping[bool, ServedKind]) -> tuple[tuple[int, ...], bool]:
        """The hashes of a line's sentences by whether it is dated, which further lines of a dated turn are as well; and
        whether it is.
        """
        key = hashlib.blake2b(f"{dated}{kinds[True]}{kinds[False]}\n{line}".encode(), digest_size=16).digest()
        found = self._known.get(key)
        if found is None:
            sentences, dated = _of_line(line, dated)
            found = tuple(h for text in sentences for h in _hashes(text, kinds[dated])), dated
            if len(self._known) >= self._most:
                self._known.clear()
            self._known[key] = found
        return found


_STATEMENTS = dict.fromkeys((True, False), ServedKind.STATEMENT)
_TURNS = dict.fromkeys((True, False), ServedKind.TURN)
_CONTEXT = {True: ServedKind.TURN, False: ServedKind.STATEMENT}


def statement_hashes(texts: Iterable[str], known: LineHashes | None = None) -> set[int]:
    """The hashes of statements that were served."""
    return _of_texts(texts, _STATEMENTS, known)


def turn_hashes(texts: Iterable[str], known: LineHashes | None = None) -> set[int]:
    """The hashes of turns that were served."""
    return _of_texts(texts, _TURNS, known)


def context_hashes(text: str, known: LineHashes | None = None) -> set[int]:
    """The hashes of a packed context: its dated lines may be turns, the others (profile, titles) are our words."""
    return _of_texts([text], _CONTEXT, known)


def _of_texts(texts: Iterable[str], kinds: Mapping[bool, ServedKind], known: LineHashes | None) -> set[int]:
    known = known or LineHashes()
    found: set[int] = set()
    for text in texts:
        dated = False
        for line in text.splitlines():
            hashes, dated = known.of(line, dated=dated, kinds=kinds)
            found.update(hashes)
    return found


def asked_hashes(events: Iterable[Event]) -> set[int]:
    """Every hash that may tell that a sentence of these events was served."""
    return {h for event in events for s in _sentences(event.content) for h in _served_as(s, event)}


def without_served(event: Event, served: Collection[int]) -> Event:
    """The event without the sentences that were served; the same object when there are none."""
    if not served:
        return event
    sentences = list(_sentences(event.content))
    kept = [s.text for s in sentences if not any(h in served for h in _served_as(s, event))]
    return event if len(kept) == len(sentences) else replace(event, content="\n".join(kept))


def _served_as(sentence: _Sentence, event: Event) -> Sequence[int]:
    kinds = [ServedKind.STATEMENT]
    if sentence.dated or event.role is not Role.USER:
        kinds.append(ServedKind.TURN)
    return [h for kind in kinds for h in _hashes(sentence.text, kind)]


def _sentences(text: str) -> Iterator[_Sentence]:
    dated = False
    for line in text.splitlines():
        sentences, dated = _of_line(line, dated)
        yield from (_Sentence(sentence, dated) for sentence in sentences)


def _of_line(line: str, dated: bool) -> tuple[list[str], bool]:
    """The sentences of a line, and whether it belongs to what a date introduced, after one that did or did not."""
    if not line.strip():
        return [], dated
    marked = _MARK.match(line)
    bare = line[marked.end() :] if marked else line
    date = _DATED.match(bare)
    # Further lines of a turn are indented in our context.
    dated = date is not None or (dated and line.startswith("  "))
    if date is not None:
        bare = bare[date.end() :]
        label = _LABEL.match(bare)
        bare = bare[label.end() :] if label else bare
    return [sentence for sentence in _SENTENCE_END.split(bare.strip()) if sentence], dated


def _hashes(sentence: str, kind: ServedKind) -> list[int]:
    """The sentence's hash, or nothing for one that is too short to be anybody's."""
    normal = normalise(sentence)
    if len(normal.split()) < LEAST_WORDS:
        return []
    digest = hashlib.blake2b(f"{kind.value}\n{normal}".encode(), digest_size=8).digest()
    return [int.from_bytes(digest, "little", signed=True)]
