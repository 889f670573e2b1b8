"""The guard of outgoing calls: every spelling that leads where it must not go is refused."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.kernel.errors import Misconfigured
from matinee.platform.http.egress import Destination, EgressPolicy, EgressRefused, with_scheme

PUBLIC_ONLY = EgressPolicy()

REFUSED = [
    "https://169.254.169.254/latest/meta-data",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://127.0.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0xA9FEA9FE/",
    "https://0xA9.0xFE.0xA9.0xFE/",
    "https://0251.0376.0251.0376/",
    "https://127.0.0.01/",
    "https://127.0.0.1./",
    "https://0/",
    "https://0.0.0.0/",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.0.1/",
    "https://100.64.0.1/",
    "https://100.100.100.200/",
    "https://192.0.0.192/",
    "https://198.18.0.1/",
    "https://168.63.129.16/",
    "https://224.0.0.1/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[::ffff:a9fe:a9fe]/",
    "https://[0:0:0:0:0:ffff:7f00:1]/",
    "https://[::7f00:1]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[2002:a9fe:a9fe::1]/",
    "https://[2001:0:a9fe:a9fe::1]/",
    "https://[fc00::1]/",
    "https://[fd00:ec2::254]/",
    "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/",
    "https://[fec0::1]/",
    "https://[ff02::1]/",
    "https://localhost/",
    "https://LOCALHOST/",
    "https://billing.localhost/",
    "http://www.operator.com/",
    "http://8.8.8.8/",
    "https://www.operator.com:22/",
    "https://www.operator.com:8443/",
    "https://8.8.8.8:6379/",
    "https://www.operator.com:0443/",
    "https://www.operator.com:/",
    "https://www.operator.com:99999/",
    "https://www.operator.com:+443/",
    "https://www.operator.com:４４３/",
    "file:///etc/passwd",
    "ftp://www.operator.com/",
    "gopher://www.operator.com/",
    "javascript:alert(1)",
    "//www.operator.com/",
    "https:///rentals",
    "https://user@www.operator.com/",
    "https://user:word@www.operator.com/",
    "https://www.operator.com@10.0.0.1/",
    "https://www.operator.com\\@10.0.0.1/",
    "https://www.operator.com#@10.0.0.1/",
    "https://www.operator.com/rentals\r\nHost: evil",
    "https://www.operator.com/rentals%0d%0aHost:%20evil",
    "https://www.operator.com/%zz",
    "https://www.opera\ttor.com/",
    "https://www operator.com/",
    "https://bücher.example/",
    "https://www.oper%61tor.com/",
    "https://①②⑦.⓪.⓪.①/",
    "https://-bad.example/",
    "https://a..b.example/",
    "https://[8.8.8.8]/",
    "https://[::1/",
    "",
    "https://www.operator.com/" + "x" * 2000,
]


@pytest.mark.parametrize("url", REFUSED)
def test_refused_when_saved(url: str) -> None:
    with pytest.raises(EgressRefused):
        PUBLIC_ONLY.check_url(url)


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("https://www.operator.com/rentals", "www.operator.com", 443),
        ("https://www.operator.com:443/rentals?shop=7&x=%20a", "www.operator.com", 443),
        ("https://WWW.Operator.COM", "www.operator.com", 443),
        ("https://xn--bcher-kva.example/", "xn--bcher-kva.example", 443),
        ("https://8.8.8.8/", "8.8.8.8", 443),
        ("https://[2606:4700::1111]/", "2606:4700::1111", 443),
        ("https://www.operator.com/a@b", "www.operator.com", 443),
    ],
)
def test_allowed(url: str, host: str, port: int) -> None:
    destination = PUBLIC_ONLY.check_url(url)
    assert (destination.secure, destination.host, destination.port) == (True, host, port)


ADDRESSES = {
    "public": (["8.8.8.8", "2606:4700::1111"], True),
    "private": (["10.0.0.1"], False),
    "public and private": (["8.8.8.8", "10.0.0.1"], False),
    "private and public": (["169.254.169.254", "8.8.8.8"], False),
    "mapped": (["::ffff:192.168.0.1"], False),
    "mapped public": (["::ffff:8.8.8.8"], True),
    "none": ([], False),
}


@pytest.mark.parametrize("name", ADDRESSES)
def test_every_address_of_a_name_is_checked(name: str) -> None:
    texts, allowed = ADDRESSES[name]
    destination = PUBLIC_ONLY.check_url("https://www.operator.com/")
    addresses = [ip_address(text) for text in texts]
    if allowed:
        PUBLIC_ONLY.check_addresses(destination, addresses)
    else:
        with pytest.raises(EgressRefused):
            PUBLIC_ONLY.check_addresses(destination, addresses)


@pytest.mark.parametrize(
    ("allow", "url", "allowed"),
    [
        ("127.0.0.0/8:8100", "http://127.0.0.1:8100/rentals", True),
        ("127.0.0.0/8:8100", "http://127.0.0.1:8101/rentals", False),
        ("127.0.0.0/8:8100", "http://localhost:8100/rentals", True),
        ("127.0.0.0/8:8100", "http://127.1:8100/rentals", False),
        ("127.0.0.0/8:8100", "https://10.0.0.1/", False),
        ("127.0.0.0/8:8100", "http://www.operator.com/", False),
        ("10.8.0.0/16:8443", "https://10.8.1.2:8443/", True),
        ("10.8.0.0/16:8443", "https://[::ffff:10.8.1.2]:8443/", True),
        ("10.8.0.0/16:8443", "https://10.9.1.2:8443/", False),
        ("10.8.0.0/16:8443", "http://10.8.1.2:8443/", False),
        ("http://10.8.0.0/16:8080", "http://10.8.1.2:8080/", True),
        ("[fd00::/8]:8443", "https://[fd00::7]:8443/", True),
        ("[fd00::/8]:8443", "https://[fc00::7]:8443/", False),
        ("http://billing.example:80", "http://billing.example/", True),
        ("http://billing.example:80", "http://other.example/", False),
        ("billing.example:8443, 10.0.0.0/8:9000", "https://billing.example:8443/", True),
        ("billing.example:8443", "http://billing.example:8443/", False),
        ("billing.example:8443", "https://10.0.0.1:8443/", False),
    ],
)
def test_the_platform_owner_widens_it(allow: str, url: str, allowed: bool) -> None:
    policy = EgressPolicy.parse(allow)
    if allowed:
        policy.check_url(url)
    else:
        with pytest.raises(EgressRefused):
            policy.check_url(url)


def test_a_listed_host_name_does_not_open_private_addresses() -> None:
    policy = EgressPolicy.parse("http://billing.example:80")
    destination = policy.check_url("http://billing.example/")
    policy.check_addresses(destination, [IPv4Address("8.8.8.8")])
    with pytest.raises(EgressRefused):
        policy.check_addresses(destination, [IPv4Address("10.0.0.1")])


def test_a_name_may_lead_to_a_listed_network() -> None:
    policy = EgressPolicy.parse("http://10.8.0.0/16:8080")
    destination = policy.check_url("http://billing.internal:8080/")
    policy.check_addresses(destination, [IPv4Address("10.8.0.1")])
    with pytest.raises(EgressRefused):
        policy.check_addresses(destination, [IPv4Address("8.8.8.8")])


@pytest.mark.parametrize(
    "text", ["10.0.0.0/8", "10.0.0.1/8:80", ":80", "10.0.0.0/8:http", "a b:80", "10.0.0.0/8:0"]
)
def test_a_setting_that_cannot_be_read_is_named(text: str) -> None:
    with pytest.raises(Misconfigured, match="MATINEE_EGRESS_ALLOW"):
        EgressPolicy.parse(text)


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("www.operator.com/rentals", "https://www.operator.com/rentals"),
        (" www.operator.com:8443/rentals ", "https://www.operator.com:8443/rentals"),
        ("http://www.operator.com", "http://www.operator.com"),
        ("file:/etc/passwd", "https://file:/etc/passwd"),
    ],
)
def test_a_missing_scheme_is_https(typed: str, stored: str) -> None:
    assert with_scheme(typed) == stored


@given(st.ip_addresses(v=4), st.sampled_from(["{}", "::ffff:{}"]))
def test_no_private_address_passes_in_either_family(address: IPv4Address, spelling: str) -> None:
    destination = Destination(True, "billing.example", 443, None)
    given_address = ip_address(spelling.format(address))
    try:
        PUBLIC_ONLY.check_addresses(destination, [given_address])
    except EgressRefused:
        return
    assert address.is_global


@given(st.ip_addresses(v=6))
def test_no_private_address_hides_in_an_ipv6_address(address: IPv6Address) -> None:
    try:
        PUBLIC_ONLY.check_addresses(Destination(True, "billing.example", 443, None), [address])
    except EgressRefused:
        return
    inner = address.ipv4_mapped or address.sixtofour
    assert address.is_global or (inner is not None and inner.is_global)


@given(st.text(max_size=60))
def test_any_text_is_judged_without_surprise(text: str) -> None:
    for url in (text, f"https://{text}", f"https://{text}/", f"https://www.operator.com/{text}"):
        try:
            destination = PUBLIC_ONLY.check_url(url)
        except EgressRefused:
            continue
        assert destination.secure
        assert destination.port == 443
        assert url.isascii()
        assert "\r" not in url
        assert "\n" not in url
