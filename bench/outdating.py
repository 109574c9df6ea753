"""How well the rules of `app/domain/outdating.py` tell which beliefs a new statement makes untrue, on written stories.

    python bench/outdating.py [--show]

A story of `bench/stories` is what is believed of a user, one new statement, and which of the beliefs a careful
reader would strike (`ends`). Many need knowledge of the world: the rules are often silent.
"""

import argparse
import json
import sys
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from app.domain.outdating import Side, outdates
from app.domain.temporal import resolve, tense_of
from workers.extract.attributes import type_of

STORIES = Path(__file__).parent / "stories"
START = date(2024, 3, 1)


def start_of(story: dict[str, Any]) -> date:
    """Day 0 of a story: its texts name dates near the days on which they were said, those of the new one first."""
    for said in (story["said"], *reversed(story["memories"])):
        spans = [s for s in resolve(said["text"], datetime.combine(START, time(12), UTC)) if not s.open_start]
        if spans:
            return spans[0].when.start().date() - timedelta(days=said["day"])
    return START


def side_of(text: str, said_on: date) -> Side:
    """A statement with the type that the local extractor gives it."""
    spans = resolve(text, datetime.combine(said_on, time(12), UTC))
    last = max((s.until or s.when).text for s in spans) if spans else ""
    ahead = bool(spans) and last > said_on.isoformat()[: len(last)]
    return Side(text, type_of(text, tense=tense_of(text), dated=bool(spans), ahead=ahead))


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--show", action="store_true", help="print every mistake")
    show = parser.parse_args().show
    stories = [json.loads(line) for path in sorted(STORIES.glob("*.jsonl")) for line in path.read_text().splitlines()]
    found, right, wanted, pairs = 0, 0, 0, 0
    for story in stories:
        start = start_of(story)
        new = side_of(story["said"]["text"], start + timedelta(days=story["said"]["day"]))
        for place, memory in enumerate(story["memories"]):
            why = outdates(new, side_of(memory["text"], start + timedelta(days=memory["day"])))
            ends = place in story["ends"]
            pairs += 1
            found, right, wanted = found + bool(why), right + (bool(why) and ends), wanted + ends
            if show and bool(why) != ends:
                print(f"{why or 'missed'} | {memory['text']} <- {story['said']['text']}")
    told = f"{len(stories)} stories, {pairs} pairs, {wanted} to end"
    print(f"{told}: precision {right / found:.3f}, recall {right / wanted:.3f}")


if __name__ == "__main__":
    main()
