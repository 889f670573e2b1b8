"""Reading pages as a person would: cells, links, errors beside fields."""

import html
import re

import httpx

_TAGS = re.compile(r"<[^>]+>")


def plain(fragment: str) -> str:
    """Return the text of some HTML, white space evened out."""
    return re.sub(r"\s+", " ", html.unescape(_TAGS.sub(" ", fragment))).strip()


def cells(page: httpx.Response) -> list[str]:
    """Return the text of every cell of the tables' bodies."""
    return [plain(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", page.text, re.DOTALL)]


def link(page: httpx.Response, text: str) -> str:
    """Return where the link called `text` leads."""
    for address, inside in re.findall(r'<a[^>]*href="([^"]+)"[^>]*>(.*?)</a>', page.text, re.DOTALL):
        if plain(inside) == text:
            return html.unescape(address)
    raise AssertionError(f"no link {text!r}")


def error_at(page: httpx.Response, field_id: str) -> str:
    """Return the error beside a field, empty if there is none."""
    found = re.search(rf'<p class="error" id="{re.escape(field_id)}-error">(.*?)</p>', page.text, re.DOTALL)
    return plain(found[1]) if found else ""
