"""What may be kept of an answer."""

from matinee.provisions.rules import excerpt


def test_an_excerpt_is_short_and_printable() -> None:
    assert excerpt(b"") == ""
    assert excerpt(b"a\x00b\x1b[31m\r\nc\td\xff") == "a\ufffdb\ufffd[31m\ufffd\nc\td\ufffd"
    assert len(excerpt("é".encode() * 3000).encode()) == 2048
    assert len(excerpt("a€".encode() * 3000).encode()) <= 2048


def test_secrets_are_masked_in_every_spelling() -> None:
    secret = 'k/é"&<1'
    spellings = [secret, "k%2F%C3%A9%22%26%3C1", 'k/\\u00e9\\"&<1', "k/é&quot;&amp;&lt;1"]
    body = " | ".join(spellings).encode()
    assert excerpt(body, secrets=(secret, "", "k")) == " | ".join(["***"] * 4)
