"""How much of what people would note of LoCoMo conversations becomes a memory, and what extraction costs.

    python bench/coverage.py --data FILE

For every question of categories 1-4: a fact is covered when memories that cite its evidence turns hold at least half of
the words of the answer (stems, without stop words); "dated" are the questions about time (category 2). The dates of a
memory count as its words. Extraction alone, on one core, without encoder and database.
"""

import argparse
import json
import sys
import time
from collections import defaultdict
from itertools import groupby
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from app.domain.lexical import tokens
from app.domain.memory import Candidate
from app.domain.policy import DEFAULT
from bench.locomo_events import events_of
from workers.extract.local import extract

SHARE = 0.5  # of the answer's words
WINDOW = 10  # turns of a segment (SPEC 6), with as many before as the policy shows
GROUPS = {1: "multi-hop", 2: "dated", 3: "open-domain", 4: "single-hop"}


def words_of(candidate: Candidate) -> set[str]:
    """What a memory says, its dates included."""
    dates = [d.text.replace("-", " ") for d in (candidate.event_time, candidate.valid_from, candidate.valid_to) if d]
    return set(tokens(" ".join([candidate.text, *dates])))


def main() -> None:
    """Extract, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    samples = json.loads(parser.parse_args().data.read_text())
    hits: dict[str, list[bool]] = defaultdict(list)
    turns, memories, seconds = 0, 0, 0.0
    for sample in samples:
        events, names = events_of(sample)
        place = {name: event.id for name, event in zip(names, events, strict=True)}
        held: dict[object, list[Candidate]] = defaultdict(list)
        for _, session in groupby(events, key=lambda event: event.session_id):
            said = list(session)
            for start in range(0, len(said), WINDOW):
                before = said[max(0, start - DEFAULT.extract.context_events) : start]
                began = time.process_time()
                found, _ = extract(said[start : start + WINDOW], before, DEFAULT)
                seconds += time.process_time() - began
                memories += len(found)
                for candidate in found:
                    for event_id in candidate.event_ids:
                        held[event_id].append(candidate)
        turns += len(events)
        for question in sample["qa"]:
            evidence = [place[name] for name in question.get("evidence", []) if name in place]
            wanted = set(tokens(str(question.get("answer", ""))))
            if question["category"] not in GROUPS or not evidence or not wanted:
                continue
            known = set().union(*(words_of(c) for event_id in evidence for c in held[event_id]))
            hits[GROUPS[question["category"]]].append(len(wanted & known) >= SHARE * len(wanted))
    for group, values in sorted(hits.items()):
        print(f"{group:12} {sum(values) / len(values):.3f}  of {len(values)}")
    everything = [value for values in hits.values() for value in values]
    print(f"{'all':12} {sum(everything) / len(everything):.3f}  of {len(everything)}")
    print(f"{memories / turns:.2f} memories a turn, extraction {1e3 * seconds / turns:.2f} ms a turn")


if __name__ == "__main__":
    main()
