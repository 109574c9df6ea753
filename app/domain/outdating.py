"""Whether a later statement makes an earlier one untrue: "the lease went to Ravi" and "the user rents a flat".

Pure; called by `decide` for the nearest memories of a statement that no model has compared with them. A small logistic
regression, since such a link is rarely a matter of equal keys; SEEDS.md 28.3 leaves it to a model or to "newest wins".
"""

import numpy as np

from app.domain.change import Neighbour
from app.domain.memory import Candidate
from app.domain.outdating_features import NAMES, Side, features, share_people, tells_change
from app.domain.outdating_weights import BIAS, WEIGHTS

_WEIGHTS = np.array([WEIGHTS[name] for name in NAMES])


def outdates(new: Side, old: Side, cosine: float) -> float:
    """How likely `new`, said later, makes `old` untrue, between 0 and 1. Nearness alone never tells: without a word of
    change ("now", "moved", "no longer", "finished") it is 0, and so it is for what is about other people.
    """
    if not tells_change(new.text) or not share_people(old.text, new.text):
        return 0.0
    score = BIAS + float(features(old, new, cosine) @ _WEIGHTS)
    return 1.0 / (1.0 + float(np.exp(-score)))


def side_of_candidate(candidate: Candidate) -> Side:
    """What `outdates` needs of a candidate."""
    return Side(
        text=candidate.text,
        type=candidate.type,
        subject=candidate.subject,
        attribute=candidate.attribute,
        value=candidate.value,
        negated=candidate.negated,
        said_on=candidate.occurred_at.date(),
    )


def side_of_memory(known: Neighbour) -> Side:
    """What `outdates` needs of a memory."""
    return Side(
        text=known.text,
        type=known.type,
        subject=known.subject,
        attribute=known.attribute,
        value=known.value,
        negated=known.negated,
        said_on=known.last_said_at.date(),
    )
