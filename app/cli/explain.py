"""`mneme explain`: what one event did to memory, step by step."""

import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from app.cli.client import Service, connect
from app.cli.console import out
from app.settings import Settings

Answer = dict[str, Any]
DONE = {
    "created": "became a memory",
    "strengthened": "was known already: that memory is stronger and has one more source",
    "merged": "says the same as a memory, in newer words",
    "superseded": "replaced an older memory, which stays as history",
    "invalidated": "ended a memory, which stays as history",
    "revived": "brought back a memory: what had ended it was taken back",
    "linked": "was linked",
    "skipped": "changed nothing",
    "open": "is not decided yet",
}


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("explain")(explain)


def explain(
    event_id: Annotated[str, typer.Argument(metavar="EVENT_ID", help="The id that POST /v1/events answered.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print what was read as JSON.")] = False,
) -> None:
    """Show how the event EVENT_ID became memories: what was found in it, what was decided, and why."""
    with connect(Settings()) as service:
        trace = read(service, event_id)
    if as_json:
        typer.echo(json.dumps(trace, ensure_ascii=False, indent=2))
        return
    for line in lines(trace):
        out.print(line, markup=False, soft_wrap=True)


def read(service: Service, event_id: str) -> Answer:
    """The event, and every memory that it touched with its versions and links."""
    event = service.get(f"/v1/events/{event_id}")
    memories = {}
    for effect in event["effects"]:
        memory_id = effect["memory_id"]
        if memory_id is None or memory_id in memories:
            continue
        answer = service.attempt("GET", f"/v1/memories/{memory_id}")
        if not answer.is_success:  # deleted since, or out of the key's sight
            continue
        memories[memory_id] = {
            "memory": answer.json(),
            "history": list(service.items(f"/v1/memories/{memory_id}/history")),
            "links": list(service.items(f"/v1/memories/{memory_id}/links")),
        }
    return {"event": event, "memories": memories}


def lines(trace: Answer) -> Iterator[str]:
    """The trace as text."""
    event = trace["event"]
    speaker = event["name"] or event["role"]
    yield f"EVENT  {event['client_id']}  ({event['state']})"
    yield f"  {event['occurred_at']}, {speaker} to {event['user_id']}'s session {event['session_id']}:"
    yield f'  "{event["content"]}"'
    if event["skip_reason"]:
        yield f"NOTHING was extracted: {event['skip_reason']}"
    for number, (text, effects) in enumerate(_statements(event["effects"]), 1):
        yield f"STATEMENT {number}  {text or '(deleted)'}"
        for effect in effects:
            reason = f" [{effect['reason']}]" if effect["reason"] else ""
            yield f"  {effect['effect'].upper()}: it {DONE[effect['effect']]}{reason}"
            yield from _memory(trace["memories"].get(effect["memory_id"]))
    if event["state"] == "pending" and not event["effects"]:
        yield "The pipeline has not finished with it yet."


def _statements(effects: list[Answer]) -> Iterator[tuple[str, list[Answer]]]:
    """Effects of the same statement together, in order."""
    texts = list(dict.fromkeys(effect["text"] for effect in effects))
    for text in texts:
        yield text, [effect for effect in effects if effect["text"] == text]


def _memory(found: Answer | None) -> Iterator[str]:
    """The memory that an effect is about, now."""
    if found is None:
        return
    memory = found["memory"]
    yield f'    memory {memory["id"]}: "{memory["text"]}"'
    key = [memory[part] for part in ("subject", "attribute", "value")]
    yield f"      {memory['type']}, {memory['status']}, confidence {memory['confidence']:.2f}{_key(key)}"
    dates = [f"{name} {memory[name]}" for name in ("event_time", "valid_from", "valid_to") if memory[name]]
    until = f" until {memory['live_until']}" if memory["live_until"] else ""
    yield f"      believed from {memory['live_from']}{until}{'; ' if dates else ''}{', '.join(dates)}"
    for version in found["history"]:
        reason = f" ({version['reason']})" if version["reason"] else ""
        yield f"      version {version['version']}: {version['change']}{reason} by {version['actor']}"
    for link in found["links"]:
        arrow = "->" if link["direction"] == "out" else "<-"
        yield f'      {link["type"]} {arrow} "{link["text"]}"'
    said = ", ".join(f"{source['session_id']}/{source['client_id']}" for source in memory["sources"])
    yield f"      sources: {said or 'none'}"


def _key(parts: list[str | None]) -> str:
    return "" if parts[1] is None else f", key ({', '.join(part or '-' for part in parts)})"
