"""The section of a policy about forgetting: how long things are kept, and when the index is rid of what was erased."""

from typing import Annotated

from pydantic import Field

from app.domain.sections import Days, Seconds, Section


class ForgettingPolicy(Section):
    """Events and memories older than these days (since they were recorded; 0: never) are erased once a day. The index
    is written anew `rewrite_quiet` seconds after an erasure, so that many share one, but `rewrite_at_most` after the
    first.
    """

    event_days: Days
    memory_days: Days
    rewrite_quiet: Seconds
    rewrite_at_most: Annotated[float, Field(ge=0.0, le=86_400.0)]
