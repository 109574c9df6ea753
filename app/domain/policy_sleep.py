"""The section `sleep` of the policy: what the job of kind `sleep` may do. Read by `domain/sleep` and its stage."""

from typing import Annotated

from pydantic import Field

from app.domain.sections import Section, Share


class SleepPolicy(Section):
    """With `enabled` off nobody is woken at night; a run that is asked for works all the same. `same_cosine` nominates
    what may say the same; `reflections` is how many of them a user has at most (0: none), each over at least
    `reflection_sessions`; `deadline_seconds` is how long one user may take.
    """

    enabled: bool
    same_cosine: Share
    join_fragments: bool
    links: bool
    reflections: Annotated[int, Field(ge=0, le=200)]
    reflection_sessions: Annotated[int, Field(ge=2, le=100)]
    deadline_seconds: Annotated[float, Field(gt=0.0, le=3_600.0)]
