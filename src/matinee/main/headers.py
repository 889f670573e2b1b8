"""The headers that tell a browser what it may do with an answer."""

from typing import Final

Headers = list[tuple[bytes, bytes]]

_PAGES: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    b"connect-src 'self'; media-src 'self' blob:; manifest-src 'self'; base-uri 'none'; form-action 'self'; "
    b"frame-ancestors 'none'"
)

# The subscriber app plays through hls.js, which feeds the player from a blob: and works in a worker made of
# one. An operator's films and streams may lie on a delivery network of its own: https from anywhere.
VIEWER_APP: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: https:; font-src 'self'; "
    b"connect-src 'self' https:; media-src 'self' blob: https:; worker-src 'self' blob:; "
    b"manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_HEADERS: Final[Headers] = [
    (b"content-security-policy", _PAGES),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"strict-transport-security", b"max-age=31536000"),  # browsers heed it over https alone
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
]


def add_security_headers(headers: Headers) -> None:
    """Complete the headers of an answer; what a face has set itself stays as it is."""
    present = {name for name, _ in headers}
    headers.extend(header for header in _HEADERS if header[0] not in present)
