"""A process of its own that drops deleted points of one Edge collection: `python -I compact.py DIRECTORY`.

Started by `edge.EdgeIndex.maintain`, because the engine holds the interpreter while it works (1.1 s for 50,000 points).
"""

import sys

from qdrant_edge import EdgeShard


def main(path: str) -> None:
    """Open, compact, write everything to disk, close."""
    shard = EdgeShard.load(path)
    shard.optimize()
    shard.flush()
    shard.close()


if __name__ == "__main__":
    main(sys.argv[1])
