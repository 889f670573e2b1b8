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


def test_secrets_are_masked_as_other_languages_write_them() -> None:
    secret = 'k/é"&<1'
    spellings = [
        "k%2f%c3%a9%22%26%3c1",  # .NET in an address
        'k\\/\\u00e9\\"&<1',  # PHP in JSON
        'k/\\u00e9\\"\\u0026\\u003c1',  # Go in JSON
        'k/é\\"&<1',  # JavaScript in JSON
        "k/é&#34;&amp;&lt;1",  # Jinja in a page
        'k/é\\\\\\"&<1',  # JSON within JSON
        "k%252F%25C3%25A9%2522%2526%253C1",  # an address within an address
    ]
    for spelling in spellings:
        assert excerpt(f"before {spelling} after".encode(), secrets=(secret,)) == "before *** after"
