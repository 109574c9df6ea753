"""Whom a speaker talks about: relations, names and the pronouns that stand for them. Used by the local extractor."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from workers.extract import lexicon as words
from workers.extract.rewrite import Person

# Said without "my", these are the speaker's own: "mum lives in Harrogate".
_OWN = "mum|mom|mam|mama|dad|papa|gran|grandma|grandpa|nana|nan|granny|granddad|grandad|auntie"
_THE_FAMILY = re.compile(
    r"^(?:[Tt]he|[Bb]oth) (?P<who>missus|wife|husband|hubby|kids|children|twins|boss|landlord|landlady|in-laws"
    r"|flatmate"
    r"|roommate"
    r"|dog|cat|baby|girlfriend|boyfriend)\b(?!-)"
)
_BARE_FAMILY = re.compile(
    rf"(?<![\w'-])(?<![Mm]y )(?<![Oo]ur )(?<!your )(?<!his )(?<!her )(?<!their )(?<!the )(?<!a )(?<!'s )"
    rf"(?P<word>(?:{_OWN}|{_OWN.title()}))(?P<own>'s)?(?=\s|$|,)(?!-)"
)
_QUALIFIERS = (
    r"(?:(?:best|old|older|younger|elder|eldest|youngest|little|big|late|new|ex|twin|half|good|close|dear|oldest"
    r"|step|grand)[ -])*"
)
_RELATED = re.compile(
    rf"\b(?:[Mm]y|[Oo]ur)\s+{_QUALIFIERS}(?P<relation>[a-z-]+)(?:'s name is|,? called|,? named"
    rf"|,)?\s*(?P<name>[A-Z][\w-]+)?"
)
_NAMED = re.compile(
    r"^(?P<title>(?:Mr|Mrs|Ms|Miss|Dr|Prof|Uncle|Aunt|Auntie|Granny|Grandma|Grandpa|Opa|Oma)\.? )?"
    r"(?P<name>[A-Z][\w-]+)(?P<own>'s)?(?:\s+\([\w ]{2,20}\))?(?:\s+(?:and|&)\s+[A-Z][\w-]+)?\s+(?P<verb>[a-z']+"
    r"|\d+)(?P<rest>.{0,80})"
)
_PAIR = re.compile(
    r"(?<!\w)(?P<one>(?:[Mm]y [a-z-]+ )?[A-Z][a-z\u00df-\u024f]+)\s+(?:and"
    r"|&)\s+(?P<two>(?:my [a-z-]+ )?[A-Z][a-z\u00df-\u024f]+)(?!\w)"
)
_MANY = re.compile(r"\b(?:[Mm]y|[Oo]ur) (?:\w+ )?(?P<many>[a-z-]+s|children|grandchildren)\b")
_NEW_PET = re.compile(
    rf"\b(?:got|have|adopted|found|rescued|fostering|foster|took in|bought|own|'ve got|getting)\s+(?:an?|one|this)\s+"
    rf"(?:[a-z-]+\s+){{0,2}}(?P<pet>{'|'.join(sorted(words.PETS | {'hedgehog', 'pup'}))})\b"
    rf"(?:,? (?:called|named|name of))?,?\s*(?P<name>[A-Z][\w-]+)?"
)
_WHO_IS = re.compile(r"\b(?P<name>[A-Z][a-z\u00df-\u024f]+) \((?:my )?(?P<relation>[a-z-]+)\)")
_THING = re.compile(
    r"\b[Mm]y (?:new |old )?(?P<mine>[a-z][\w-]+)\b(?!'s)"
    r"|\b(?:bought|got|have|own|drive|ride|rent|ordered|booked|use)\s+(?:an?|the)\s+(?:new |used "
    r"|second-hand )?(?P<got>[a-z][\w-]+)"
    r"(?=$|[.,;]| (?:for|from|on|in|at|with|yesterday|today|last)\b)"
)
_POSSESSIVE = re.compile(r"\b(?:his|her|their|himself|herself)\b")
_MID_SENTENCE = re.compile(r"(?:[a-z,;]|\b[Mm]y|\bI)\s{1,3}([A-Z][a-z\u00df-\u024f][\w-]*)")
_START = r"(?:^|[.!?]\s|\n)[ \t]{0,3}"  # bounded: a run of white space must not cost its square
_SENTENCE = re.compile(rf"{_START}([^\W\d_])")
_OPENING_NAME = re.compile(rf"{_START}([A-Z][a-z\u00df-\u024f][\w-]*)")


@dataclass(slots=True)
class People:
    """The last woman and the last man that somebody mentioned, and how each name belongs to them."""

    she: str | None = None
    he: str | None = None
    they: str | None = None
    thing: str | None = None  # the thing of theirs that was spoken of last: "it"
    sure_she: bool = False  # told by the relation and not only by the name
    sure_he: bool = False
    relations: dict[str, str] = field(default_factory=dict)

    def note(self, display: str, relation: str | None) -> None:
        """Remember somebody as `display` ("the user's sister Anna")."""
        known = relation in words.FEMALE or relation in words.MALE
        her = relation in words.FEMALE or (not known and display.endswith("a") and display[-4:] != "user")
        if relation not in words.MALE and (known or her or not self.sure_she):
            self.she, self.sure_she = display, relation in words.FEMALE
        if relation not in words.FEMALE and not (her and self.sure_he):
            self.he, self.sure_he = display, relation in words.MALE

    def meant_by(self, pronoun: str) -> str | None:
        """Who "he" or "she" is, if anybody was named."""
        if pronoun.lower() in {"they", "their"}:
            return self.they or self.couple()
        return self.she if pronoun.lower() in {"she", "her"} else self.he

    def couple(self) -> str | None:
        """The last woman and man together."""
        return f"{self.she} and {self.he}" if self.she and self.he and self.she != self.he else None

    def listen(self, text: str, me: Person, names: frozenset[str]) -> None:
        """Take note of everybody whom a clause names."""
        for match in _RELATED.finditer(own_family(text)):
            relation = match["relation"]
            if relation not in words.RELATIONS:
                continue
            name = match["name"] if match["name"] not in words.NOT_NAMES else None
            display = f"{me.possessive} {relation}" + (f" {name}" if name else "")
            self.note(display, relation)
            if name:
                self.relations[name] = display
        for match in _WHO_IS.finditer(text):
            relation = match["relation"].lower()
            if relation in words.RELATIONS and match["name"] not in words.NOT_NAMES:
                display = f"{me.possessive} {relation} {match['name']}"
                self.note(display, relation)
                self.relations[match["name"]] = display
        for match in _THING.finditer(text):
            word = match["mine"] or match["got"]
            if word.split()[-1] not in words.RELATIONS | words.GENERIC_NOUNS | words.PLURAL_RELATIONS:
                self.thing = word
        self._listen_for_many(text, me, names)
        named = named_subject(text, names)
        if named is not None:
            self.note(self.relations.get(named, named), None)

    def _listen_for_many(self, text: str, me: Person, names: frozenset[str]) -> None:
        """Pets that joined the household, pairs and groups."""
        for match in _NEW_PET.finditer(text):
            name = match["name"] if match["name"] not in words.NOT_NAMES else None
            display = f"{me.possessive} {match['pet']}" + (f" {name}" if name else "")
            self.note(display, match["pet"])
            if name:
                self.relations[name] = display
        for match in _MANY.finditer(text):
            if match["many"] in words.PLURAL_RELATIONS:
                self.they = f"{me.possessive} {match['many']}"
        for match in _PAIR.finditer(text):
            if {match["one"].split()[-1], match["two"].split()[-1]} <= names:
                pair = f"{match['one']} and {match['two']}"
                self.they = re.sub(r"\b[Mm]y\b", me.possessive, pair)


def own_family(text: str) -> str:
    """Family words that stand alone, with whose they are: "mum lives" -> "my mum lives"."""
    text = _THE_FAMILY.sub(lambda m: f"my {m['who']}", text)
    return _BARE_FAMILY.sub(lambda m: f"my {m['word'].lower()}{m['own'] or ''}", text)


def _like_verb(word: str) -> bool:
    return word in words.HUMAN_VERBS | words.PAST | words.MODAL | words.BASE | words.EITHER or word.endswith(
        ("s", "ed", "n't")
    )


def named_subject(text: str, names: frozenset[str]) -> str | None:
    """The name with which a clause opens and of which it says something."""
    match = _NAMED.match(text)
    if match is None or match["verb"] in words.NOT_VERBS or match["name"] in words.NOT_NAMES:
        return None
    if not (match["own"] or match["title"] or _like_verb(match["verb"])):
        return None
    if match["name"] in names or match["title"]:
        return f"{match['title'] or ''}{match['name']}"
    if match["own"] and match["verb"] in {"got", "been"}:
        return match["name"]
    human = match["verb"] in words.HUMAN_VERBS or match["own"]
    return match["name"] if human and _POSSESSIVE.search(match["rest"]) else None


def names_in(contents: Iterable[str]) -> frozenset[str]:
    """Words that are names: written with a capital inside a sentence, or at the start of one by somebody who starts
    sentences with a small letter.
    """
    found: set[str] = set()
    for content in contents:
        found.update(match.group(1) for match in _MID_SENTENCE.finditer(content))
        initials = _SENTENCE.findall(content)
        if any(letter.islower() for letter in initials):
            found.update(_OPENING_NAME.findall(content))
    return frozenset(found) - words.NOT_NAMES
