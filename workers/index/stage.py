"""The index stage in a worker (server mode). The embedded gateway runs the same functions on a thread of its own."""

from app.ledger.index_runner import INDEX_STAGES

STAGES = INDEX_STAGES
