import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.secrets import MASK, contains_secret, luhn, mask

SECRET = [
    ("my wifi password is hunter2", "hunter2"),
    ("password: 'correct horse battery'", "correct horse"),
    ("the password for the router is Blau42!", "Blau42"),
    ("my password's hunter22", "hunter22"),
    ("postgresql://app:S3cr3tPa55@db.internal:5432/orders", "S3cr3tPa55"),
    ("api_key = abc123def", "abc123def"),
    ("API-Key: 9f8e7d6c5b4a", "9f8e7d6c5b4a"),
    ("use sk-proj-abcdefghijklmnop1234 here", "abcdefghijklmnop1234"),
    ("ghp_" + "a1" * 18, "a1a1"),
    ("Authorization: Bearer abcdefghijkl.mnop", "abcdefghijkl"),
    ("AKIA" + "ABCDEFGHIJKLMNOP", "ABCDEFGHIJKLMNOP"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc", "eyJzdWIi"),
    ("card 4111 1111 1111 1111 expires 04/27", "4111"),
    ("card 5500-0000-0000-0004", "5500"),
    ("my pin is 4312", "4312"),
    ("PIN 4312", "4312"),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----", "MIIEow"),
    ("the token is a8Fk29x", "a8Fk29x"),
    ("the alarm code is 4821", "4821"),
    ("our door code: 77A1", "77A1"),
]

HARMLESS = [
    "the door code is simple",
    "my code is in Python 3.12",
    "password is too long",
    "the password is wrong again",
    "I forgot my password",
    "the secret is patience",
    "token: the cookie",
    "I have a key to the flat",
    "The secret is out",
    "secret santa is fun",
    "my passport is expired",
    "order 1234567890123456",
    "call +4917012345678901",
    "my phone ends in 4471",
    "ISBN 978-3-16-148410-0",
    "https://example.com/a:b",
    "the appointment is on 2025-03-19 at 10:20",
    "she pinned 1234 photos",
    "0000 0000 0000 0000",
]


@pytest.mark.parametrize(("text", "part"), SECRET, ids=[text[:30] for text, _ in SECRET])
def test_secrets_are_found_and_masked(text, part):
    assert contains_secret(text)
    assert MASK in mask(text)
    assert part not in mask(text)


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_a_secret_stays(text):
    assert not contains_secret(text)
    assert mask(text) == text


def test_the_text_around_a_secret_stays():
    assert mask("hi, my pin is 4312, ok?") == f"hi, my pin is {MASK}, ok?"


@given(st.text())
def test_masking_twice_is_masking_once(text):
    assert mask(mask(text)) == mask(text)


def test_luhn():
    assert luhn("4111111111111111")
    assert not luhn("4111111111111112")
