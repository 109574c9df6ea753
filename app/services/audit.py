"""The audit: entries in one order, sealed into a chain after the fact, checked against what they were sealed as."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

from app.domain import chain
from app.domain.chain import START
from app.domain.scope import Scope
from app.storage import audit_entries, audit_outcomes, audit_seals
from app.storage.audit_entries import CHANGE, AuditQuery, Entry
from app.storage.audit_outcomes import Outcome
from app.storage.audit_seals import Seal
from app.storage.db import Connection

BATCH = 1_000  # entries of one sealing transaction: about a tenth of a second
CHECKED = 1_000  # seals that one transaction checks
# What commits later than this after the newest seal's time is found by a whole look only, which `verify` takes: a
# transaction may last a minute (statement and idle timeouts), versions that an import brings carry older times.
LATE = timedelta(minutes=10)
BEGINNING = datetime(1, 1, 2, tzinfo=UTC)  # before everything


@dataclass(frozen=True, slots=True)
class Break:
    """A place where the chain does not hold."""

    seq: int
    entry: str
    problem: str


@dataclass
class Checked:
    """A part of the chain that was looked at: how many seals, how many of entries that an erasure has redacted, or
    taken away, and where it breaks.
    """

    seals: int = 0
    redacted: int = 0
    gone: int = 0
    breaks: list[Break] = field(default_factory=list)


def page(conn: Connection, scope: Scope, query: AuditQuery) -> list[Entry]:
    """Entries of the project, the oldest first."""
    return audit_entries.page(conn, scope, query)


def seal(conn: Connection, scope: Scope, *, start: datetime | None = None, limit: int = BATCH) -> datetime | None:
    """Seal entries that are not yet, in the order in which they happened, those from `start` on; without it, those that
    may have come since the last time. Answers from where to go on, None when there are no more.
    """
    audit_seals.lock(conn, scope)
    last = audit_seals.last(conn, scope)
    since = last.at - LATE if last is not None and start is None else start
    entries = audit_entries.unsealed(conn, scope, since, limit)
    bare = [(entry.ref, entry.version) for entry in entries if entry.kind == CHANGE and _lacks_salt(entry)]
    if bare:
        audit_entries.fill_salts(conn, scope, bare)
        entries = audit_entries.unsealed(conn, scope, since, limit)
    seq, prev = (last.link.seq, last.link.hash) if last is not None else (0, START)
    seals = []
    for entry in entries:
        seq += 1
        link = chain.link(seq, entry.digests(), prev)
        seals.append(Seal(link, entry.ref, entry.version, entry.at))
        prev = link.hash
    audit_seals.add(conn, scope, seals)
    return seals[-1].at if len(seals) == limit else None


def head(conn: Connection, scope: Scope) -> Seal | None:
    """The newest seal: kept elsewhere, it proves later that nothing before it was changed or cut off."""
    return audit_seals.last(conn, scope)


def check(conn: Connection, scope: Scope, after: int) -> tuple[Checked, int | None]:
    """Compare the seals after number `after` with one another and with their entries; answers also the number to go on
    after, None at the end.
    """
    before = audit_seals.page(conn, scope, after - 1, 1) if after > 0 else []
    seals = audit_seals.page(conn, scope, after, CHECKED)
    entries = audit_entries.by_refs(conn, scope, [(seal.ref, seal.version) for seal in seals])
    absent = [(seal.ref, seal.version) for seal in seals if (seal.ref, seal.version) not in entries]
    out = audit_entries.taken_out(conn, scope, absent) if absent else set[tuple[UUID, int]]()
    found = Checked(seals=len(seals))
    if seals and not before and seals[0].link.seq != 1:
        found.breaks.append(Break(seals[0].link.seq, _name(seals[0]), "a seal is missing before it"))
    chained = [before[0] if before else None, *seals]
    for earlier, one in pairwise(chained):
        assert one is not None  # noqa: S101 - only the first may be missing
        entry = entries.get((one.ref, one.version))
        digests = entry.digests() if entry is not None else None
        problem = chain.fault(
            one.link,
            earlier.link if earlier is not None else None,
            digests,
            may_be_redacted=entry is not None and (entry.redacted or entry.restored or _blank(entry)),
        )
        if problem is None and (one.ref, one.version) in out:
            problem = "its entry was taken out"
        if problem is not None:
            found.breaks.append(Break(one.link.seq, _name(one), problem))
        found.gone += entry is None
        found.redacted += digests is not None and digests.body is None
    return found, seals[-1].link.seq if len(seals) == CHECKED else None


def outcomes(conn: Connection, scope: Scope, entries: Sequence[Entry]) -> dict[tuple[UUID, int], Outcome]:
    """What became of each change."""
    return audit_outcomes.outcomes(conn, scope, [(entry.ref, entry.version) for entry in entries])


def _lacks_salt(entry: Entry) -> bool:
    return entry.salt is None and not entry.redacted and not _blank(entry)


def _blank(entry: Entry) -> bool:
    """Whether an erasure took the words of this version, and left the memory."""
    return entry.salt is None and entry.after is not None and not entry.after["text"]


def _name(seal: Seal) -> str:
    return str(seal.ref) if seal.version == 0 else f"{seal.ref}:{seal.version}"
