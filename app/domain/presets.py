"""The presets of the policy as data: the defaults, and what each preset changes of them. Validated by `policy`.

Each names a research system and sets the strategies that make it what it is (SEEDS.md); nothing asks for a name.
docs/policy.md explains every line.
"""

from typing import Any

TYPES = ("fact", "preference", "episode", "procedure", "foresight", "reflection", "resource", "secret")

# SPEC 6 for the pipeline. The recall weights were fitted by bench/tune.py; what each is worth is in bench/RESULTS.md.
# A weight of 0 is a signal that earned no place.
BASE: dict[str, Any] = {
    "segment": {
        "gap_minutes": 30.0,
        "by_day": False,
        "drift_sigma": 1.0,
        "topic_drift": True,
        "max_events": 10,
        "max_tokens": 768,
        "episode_lines": 0,
    },
    "gate": {"enabled": True, "min_words": 2, "max_words": 2_000, "novelty": 0.0},
    "extract": {
        "max_length": 240,
        "max_per_event": 12,
        "assistant_statements": False,
        "min_confidence": 0.5,
        "context_events": 6,
        "buffer_events": 0,
        "buffer_tokens": 0,
        "buffer_seconds": 300.0,
    },
    "decide": {
        "add_only": False,
        "asleep": False,
        "sleep_seconds": 300.0,
        "same_cosine": 0.95,
        "link_cosine": 0.6,
        "max_neighbours": 10,
    },
    "notes": {"keywords": 0, "evolve": False},
    "retention": {
        "enabled": True,
        "tau_days": {
            "fact": 30.0,
            "preference": 0.0,
            "episode": 7.0,
            "procedure": 0.0,
            "foresight": 7.0,
            "reflection": 30.0,
            "resource": 30.0,
            "secret": 0.0,
        },
        "curve": dict.fromkeys(TYPES, "exponential"),
        "dated_as_episode": True,
        "use_gain": 1.0,
        "spacing": 1.0,
        "most_stability": 100.0,
        # FinMem's constants; what goes down goes at a lower importance than what goes up, so that nothing swings.
        "layers": {
            "enabled": False,
            "short": {"tau_days": 3.0, "importance_factor": 0.92, "promote_at": 0.6, "demote_below": 0.0},
            "mid": {"tau_days": 90.0, "importance_factor": 0.967, "promote_at": 0.8, "demote_below": 0.4},
            "long": {"tau_days": 365.0, "importance_factor": 0.988, "promote_at": 2.0, "demote_below": 0.6},
        },
    },
    "lifecycle": {
        "enabled": True,
        "archive_below": 0.05,
        "archive_importance": 0.6,
        "caps": {
            "fact": 4_000,
            "preference": 1_000,
            "episode": 4_000,
            "procedure": 1_000,
            "foresight": 1_000,
            "reflection": 1_000,
            "resource": 1_000,
            "secret": 0,
        },
        "fill": 0.8,
        "foresight_days": 7.0,
    },
    "scenes": {
        "enabled": True,
        "cosine": 0.65,
        "word_overlap": 0.0,
        "gap_days": 7.0,
        "heat": 5.0,
        "max_members": 20,
        "merge_cosine": 0.9,
    },
    "blocks": {
        "profile_lines": 25,
        "profile_from": "all",
        "session_summary": True,
        "user_summary": False,
        "daily_lines": 0,
    },
    "recall": {
        "dense": 0.26,
        "text": 0.0,
        "window": 0.25,
        "memory": 0.13,
        "told": 0.53,
        "outdated": -0.6,
        "succession": 1.0,
        "following": 0.0,
        "coverage": 0.0,
        "around": -1.23,
        "nearby": 1.88,
        "session": 0.19,
        "session_dense": 0.18,
        "dense_with_words": -0.15,
        "following_with_words": 0.0,
        "speaker": 1.3,
        "entity": 0.0,
        "time": 1.22,
        "near_time": 1.49,
        "holds_time": 0.86,
        "holds_amount": 0.46,
        "holds_place": 0.58,
        "holds_person": 0.0,
        "question": -0.42,
        "after_question": 0.0,
        "answers": 0.18,
        "echo": -1.92,
        "length": 0.0,
        "recency": 0.58,
        "latest": 0.4,
        "late": -0.4,
        "retention": 0.1,
        "granularity": 0.0,
        "linked": 0.0,
        "pagerank": 0.47,
        "fusion": "zscore",
        "candidates": 100,
        "pending_ranked": 1_000,
        "tail_events": 6,
        "neighbour_share": 0.3,
        "memories_first": False,
        "type_candidates": 0,
        "type_share": 1.0,
        "session_share": 1.0,
        "current_foresight": False,
        "foresight_days": 7,
        "rerank": 0,
        "rerank_seconds": 0.3,
        "rounds": 1,
        "round_seconds": 0.15,
        "rewrite_seconds": 2.0,
    },
    "secrets": {"vault": False},
    "sleep": {
        "enabled": True,
        "same_cosine": 0.95,
        "join_fragments": True,
        "links": True,
        "reflections": 5,
        "reflection_sessions": 3,
        "deadline_seconds": 120.0,
    },
    "forgetting": {"event_days": 0.0, "memory_days": 0.0, "rewrite_quiet": 30.0, "rewrite_at_most": 300.0},
}

CHANGES: dict[str, dict[str, Any]] = {
    "default": {},
    # Extract with the last ten messages in view, decide against the ten nearest, derive nothing.
    "mem0": {
        "extract": {"context_events": 10},
        "scenes": {"enabled": False},
        "blocks": {"profile_lines": 0, "session_summary": False},
    },
    # Notes that stay, are linked, and learn from each other.
    "amem": {
        "decide": {"add_only": True, "link_cosine": 0.5},
        "notes": {"keywords": 6, "evolve": True},
        "scenes": {"enabled": False},
    },
    # A whole day read at once, summed up; the portrait is what the days say.
    "memorybank": {
        "segment": {
            "gap_minutes": 1_440.0,
            "by_day": True,
            "topic_drift": False,
            "max_events": 256,
            "max_tokens": 8_192,
        },
        "scenes": {"enabled": False},
        "blocks": {"profile_from": "days", "session_summary": False, "user_summary": True, "daily_lines": 6},
    },
    # A queue of seven turns; scenes by cosine and shared words; only hot ones reach the profile.
    "memoryos": {
        "segment": {"max_events": 7, "topic_drift": False},
        "extract": {"buffer_events": 7},
        "scenes": {"cosine": 0.6, "word_overlap": 1.0},
        "blocks": {"profile_from": "hot_scenes", "user_summary": True},
        "recall": {"tail_events": 7},
    },
    # A buffer of 512 tokens before anything is read, and every decision left to the quiet after.
    "lightmem": {
        "segment": {"max_tokens": 512, "max_events": 32},
        "gate": {"min_words": 4},
        "extract": {"buffer_tokens": 512},
        "decide": {"asleep": True},
    },
    # Windows of twenty turns; one that brings too little is not read.
    "simplemem": {
        "segment": {"topic_drift": False, "max_events": 20},
        "gate": {"min_words": 3, "novelty": 0.35},
        "extract": {"context_events": 20},
    },
    # Cells with their episode, scenes that lift their members, foresight only while it is ahead.
    "evermemos": {
        "segment": {"episode_lines": 3},
        "scenes": {"cosine": 0.7},
        "recall": {"memory": 0.5, "granularity": 0.3, "current_foresight": True},
    },
    # Stores by type: 20 candidates of each, and of 25 items at most 20 of one.
    "engram": {
        "scenes": {"enabled": False},
        "recall": {"memory": 0.6, "memories_first": True, "type_candidates": 20, "type_share": 0.8},
    },
    # Turns, segments, scenes and memories asked together, the decisive granularity most.
    "memgas": {"segment": {"episode_lines": 3}, "scenes": {"cosine": 0.6}, "recall": {"granularity": 1.0}},
}
