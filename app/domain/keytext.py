"""The text under which a turn is found: what is embedded, what its words are counted from. No secrets."""

from app.domain.event import Event
from app.domain.secrets import mask


def key_text(event: Event) -> str:
    """What is embedded: `Speaker (4 May 2025): text`, the date in the speaker's own offset."""
    said = event.occurred_at
    return f"{event.speaker} ({said.day} {said:%B %Y}): {mask(event.content)}"


def plain_text(event: Event) -> str:
    """What the words are counted from."""
    return mask(event.content)
