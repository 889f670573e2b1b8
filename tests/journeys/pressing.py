"""Pressing as people do it."""

from playwright.sync_api import Locator


def press_twice(target: Locator) -> None:
    """Press twice at one place, as one double press on a machine that is slow: what lies there then gets the second."""
    target.scroll_into_view_if_needed()
    box = target.bounding_box()
    assert box is not None
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    mouse = target.page.mouse
    mouse.click(*middle)
    target.page.wait_for_timeout(800)
    mouse.down(click_count=2)
    mouse.up(click_count=2)
