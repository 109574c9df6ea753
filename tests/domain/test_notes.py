from itertools import permutations
from uuid import UUID

from app.domain.memory import MemoryType
from app.domain.notes import CONTEXT_WORDS, Note, NotedMemory, changed, memory_text, notes_of
from app.domain.policy import PRESETS, Preset

POLICY = PRESETS[Preset.AMEM].notes


def noted(
    number: int, text: str, attribute: str | None = None, *entities: str, note: Note | None = None
) -> NotedMemory:
    return NotedMemory(UUID(int=number), 1, MemoryType.FACT, text, attribute, entities, note or Note())


CELLO = noted(1, "The user plays the cello in an orchestra.", "plays")
MARIA = noted(2, "The user practises the cello with Maria.", None, "Maria")
GHENT = noted(3, "The user lives in Ghent.", "home", "Ghent")
ALL = (CELLO, MARIA, GHENT)
LINK = (MARIA.id, CELLO.id)


def test_names_come_first_and_words_that_carry_nothing_not_at_all():
    notes = notes_of(ALL, [], POLICY)
    assert notes[MARIA.id].keywords == ("maria", "practises", "cello")
    assert notes[GHENT.id] == Note(("ghent", "lives"), ("home",), "")


def test_both_ends_of_a_link_learn_and_nobody_else():
    notes, alone = notes_of(ALL, [LINK], POLICY), notes_of(ALL, [], POLICY)
    assert notes[CELLO.id] == Note(
        ("plays", "cello", "orchestra"), ("skills", "cello", "other facts"), "maria, practises"
    )
    assert notes[MARIA.id].context == "orchestra, plays"
    assert notes[GHENT.id] == alone[GHENT.id]
    assert notes[CELLO.id].keywords == alone[CELLO.id].keywords


def test_the_order_in_which_memories_and_links_came_does_not_matter():
    links = [LINK, (GHENT.id, CELLO.id), (GHENT.id, MARIA.id)]
    wanted = notes_of(ALL, links, POLICY)
    for memories, order in zip(permutations(ALL), permutations(links), strict=True):
        assert notes_of(memories, order, POLICY) == wanted


def test_a_link_to_itself_or_to_what_is_gone_teaches_nothing():
    assert notes_of(ALL, [(CELLO.id, CELLO.id), (CELLO.id, UUID(int=99))], POLICY) == notes_of(ALL, [], POLICY)


def test_a_note_is_one_line_and_holds_no_secret():
    many = [noted(n, f"The user knows word{n}a word{n}b word{n}c.") for n in range(10, 30)]
    secret = noted(5, "The user's wifi password is hunter2horse.")
    notes = notes_of([*many, secret], [(secret.id, memory.id) for memory in many], POLICY)
    assert len(notes[secret.id].context.split(", ")) == CONTEXT_WORDS
    assert "hunter2horse" not in str(notes)


def test_what_a_memory_is_found_by():
    assert memory_text("The user swims.", Note(("swims",))) == "The user swims."
    assert (
        memory_text("The user swims.", Note((), ("habits",), "pool, evening"))
        == "The user swims. (habits; pool, evening)"
    )


def test_only_what_differs_is_changed_and_without_keywords_there_are_no_notes():
    wanted = notes_of(ALL, [LINK], POLICY)
    told = noted(3, GHENT.text, "home", "Ghent", note=wanted[GHENT.id])
    assert [memory.id for memory, _ in changed([CELLO, MARIA, told], wanted)] == [CELLO.id, MARIA.id]
    none = notes_of(ALL, [LINK], PRESETS[Preset.DEFAULT].notes)
    assert changed([CELLO, told], none) == [(told, Note())]
