"""Erasures as their routes order them, for tests of what lies below."""

from app.clock import new_id
from app.domain.erasure import Order, TargetKind

KEY = bytes(32)


def order(kind: TargetKind, target_id: object, *, derived_only: bool = False) -> Order:
    """An order of a key."""
    return Order(new_id(), kind, str(target_id), "key:test", derived_only=derived_only)
