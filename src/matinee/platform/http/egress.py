"""Where a call to an operator's systems may go. The same policy judges an address when it is saved and when it is used.

An operator's staff type base URLs, so a base URL is hostile input: without this guard a "billing system"
could be the platform's own database, a cloud's metadata service or a neighbour's machine. Only the
platform owner widens it, by the setting `MATINEE_EGRESS_ALLOW`.
"""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self
from urllib.parse import SplitResult, urlsplit

import msgspec

from matinee.kernel.errors import Misconfigured, Refused

IpAddress = IPv4Address | IPv6Address
IpNetwork = IPv4Network | IPv6Network

LONGEST_URL = 2000
_HTTPS_PORT = 443
_HTTP_PORT = 80
_ONLY_HTTPS = "The address must begin with https://; the platform's owner may allow http for it."

_URL_TEXT = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+\Z")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})|%(?:0[0-9A-Fa-f]|1[0-9A-Fa-f]|7[Ff])")
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\Z")
_NUMERIC_LABEL = re.compile(r"(?:[0-9]+|0[xX][0-9A-Fa-f]*)\Z")
_PORT = re.compile(r"[1-9][0-9]{0,4}\Z")

# Not covered, or not by every Python, as "not global": transition addresses that hide another address,
# and the metadata services of clouds that live outside the private ranges.
_NEVER_PUBLIC: tuple[IpNetwork, ...] = tuple(
    ip_network(text)
    for text in (
        "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/23", "2002::/16", "3fff::/20", "5f00::/16",
        "fec0::/10", "192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32",
    )
)  # fmt: skip


class EgressRefused(Refused):
    """The address is not one that Matinee may call; the message says why."""

    code = "egress_refused"


class Destination(msgspec.Struct, frozen=True):
    """What an allowed URL points at. `literal` is set when its host is an IP address."""

    secure: bool
    host: str
    port: int
    literal: IpAddress | None


class EgressRule(msgspec.Struct, frozen=True):
    """One entry of the allow-list: a network or a host name, with its port; `plain` allows http."""

    network: IpNetwork | None
    host: str
    port: int
    plain: bool

    def covers(self, address: IpAddress, port: int) -> bool:
        return (
            self.network is not None
            and self.port == port
            and address.version == self.network.version
            and address in self.network
        )


class EgressPolicy(msgspec.Struct, frozen=True):
    """Public addresses by https on port 443, and whatever the platform owner listed besides."""

    rules: tuple[EgressRule, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `MATINEE_EGRESS_ALLOW`: entries `NETWORK:PORT` or `HOST:PORT`, separated by commas.

        A network opens that port on those addresses, private ones included: `10.8.0.0/16:8443`,
        `[fd00::/8]:8443`. A host name opens that port of a public host: `billing.example:8443`. With
        `http://` in front the entry also works without TLS; on loopback, where nothing leaves the
        machine, it always does. Raises Misconfigured for an entry that cannot be read.
        """
        return cls(tuple(_rule(entry.strip()) for entry in text.split(",") if entry.strip()))

    def check_url(self, url: str) -> Destination:
        """Return where `url` leads, or raise EgressRefused. `check_addresses` judges a host name again."""
        parts = _split(url)
        secure = parts.scheme == "https"
        host = parts.hostname or ""
        destination = Destination(secure, host, _port(parts), _literal(parts, host))
        if destination.literal is not None:
            self.check_addresses(destination, [destination.literal])
        elif host == "localhost" or host.endswith(".localhost"):
            self.check_addresses(destination, [IPv4Address("127.0.0.1")])
        elif not self._may_be_allowed(destination):
            raise EgressRefused(_wrong_door(destination))
        return destination

    def check_addresses(self, destination: Destination, addresses: Iterable[IpAddress]) -> None:
        """Raise EgressRefused unless every address that the host name stands for may be called."""
        found = [_unmapped(address) for address in addresses]
        if not found:
            raise EgressRefused(f"{destination.host} has no address.")
        for address in found:
            self._check_address(destination, address)

    def _check_address(self, destination: Destination, address: IpAddress) -> None:
        covering = [rule for rule in self.rules if rule.covers(address, destination.port)]
        if covering:
            if not destination.secure and not any(rule.plain for rule in covering):
                raise EgressRefused(_ONLY_HTTPS)
            return
        if not _is_public(address):
            raise EgressRefused(
                "The address is private or reserved; the platform's owner may allow its network."
            )
        named = self._named(destination)
        if not destination.secure and not any(rule.plain for rule in named):
            raise EgressRefused(_ONLY_HTTPS)
        if destination.port != _HTTPS_PORT and not named:
            raise EgressRefused(_wrong_door(destination))

    def _named(self, destination: Destination) -> list[EgressRule]:
        return [
            rule for rule in self.rules if rule.host == destination.host and rule.port == destination.port
        ]

    def _may_be_allowed(self, destination: Destination) -> bool:
        """Whether a host name could pass, whatever addresses it turns out to have."""
        if destination.secure and destination.port == _HTTPS_PORT:
            return True
        candidates = [
            rule for rule in self.rules if rule.network is not None and rule.port == destination.port
        ]
        return any(destination.secure or rule.plain for rule in candidates + self._named(destination))


def with_scheme(url: str) -> str:
    """Return `url`, as https when no scheme was written (`www.operator.com/rentals`)."""
    text = url.strip()
    return text if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text) else f"https://{text}"


def _split(url: str) -> SplitResult:
    """Take a URL apart under a grammar narrower than the standard's. Raises EgressRefused."""
    if not url or len(url) > LONGEST_URL:
        raise EgressRefused(f"The address must have 1 to {LONGEST_URL} characters.")
    if not _URL_TEXT.match(url) or _BAD_ESCAPE.search(url):
        raise EgressRefused(
            "The address has characters that do not belong in a URL; write them percent-encoded."
        )
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  (reading it is what validates it)
    except ValueError:
        raise EgressRefused(
            "The address cannot be read. Write it like https://www.operator.com/rentals."
        ) from None
    if parts.scheme not in {"https", "http"}:
        raise EgressRefused("The address must begin with https://.")
    if "@" in parts.netloc:
        raise EgressRefused("The address must not contain a user name.")
    if re.search(r"[\[\]]", parts.path + parts.query) or not parts.hostname:
        raise EgressRefused("The address cannot be read. Write it like https://www.operator.com/rentals.")
    return parts


def _port(parts: SplitResult) -> int:
    written = parts.netloc.rpartition("]")[2].partition(":")
    if written[1] and not _PORT.match(written[2]):
        raise EgressRefused("The port must be a plain number.")
    return parts.port or (_HTTPS_PORT if parts.scheme == "https" else _HTTP_PORT)


def _literal(parts: SplitResult, host: str) -> IpAddress | None:
    """Return the host's IP address, None for a name. Raises EgressRefused for anything in between.

    Resolvers read 127.1, 0x7f000001 and 2130706433 as addresses too; only the canonical spelling passes.
    """
    if parts.netloc.startswith("["):
        try:
            address: IpAddress = IPv6Address(host)
        except ValueError:
            raise EgressRefused("The address in brackets is not an IPv6 address.") from None
        if "%" in host:
            raise EgressRefused("An address must not name a network interface.")
        return address
    labels = host.split(".")
    if _NUMERIC_LABEL.match(labels[-1]):
        try:
            return IPv4Address(host)
        except ValueError:
            raise EgressRefused("Write an IP address as four plain numbers, like 192.0.2.7.") from None
    if len(host) > 253 or not all(_LABEL.match(label) for label in labels):
        raise EgressRefused("The host name is not valid. Write an international name in its xn-- form.")
    return None


def _unmapped(address: IpAddress) -> IpAddress:
    """Return the IPv4 address that an IPv4-mapped IPv6 address stands for."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _is_public(address: IpAddress) -> bool:
    if address.is_multicast or address.is_reserved or not address.is_global:
        return False
    return not any(address.version == net.version and address in net for net in _NEVER_PUBLIC)


def _wrong_door(destination: Destination) -> str:
    if not destination.secure:
        return _ONLY_HTTPS
    return f"Port {destination.port} is not allowed; the platform's owner may allow it."


def _rule(entry: str) -> EgressRule:
    """Read one entry of the setting. Raises Misconfigured."""
    plain = entry.startswith("http://")
    where, _, port_text = entry.removeprefix("http://").rpartition(":")
    where = where.strip("[]").lower()
    if not where or not _PORT.match(port_text):
        raise Misconfigured(f"MATINEE_EGRESS_ALLOW: {entry!r} must be written NETWORK:PORT or HOST:PORT.")
    try:
        network = ip_network(where)
    except ValueError:
        if "/" in where or not all(_LABEL.match(label) for label in where.split(".")):
            raise Misconfigured(
                f"MATINEE_EGRESS_ALLOW: {where!r} is neither a network nor a host name."
            ) from None
        return EgressRule(None, where, int(port_text), plain)
    return EgressRule(network, "", int(port_text), plain or network.is_loopback)


def parse_address(text: str) -> IpAddress:
    """Return an address as a resolver gave it. Raises EgressRefused for one that is bound to an interface."""
    try:
        return ip_address(text)
    except ValueError:
        raise EgressRefused("The name stands for an address that cannot be read.") from None
