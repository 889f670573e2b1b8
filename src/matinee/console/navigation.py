"""The left column: groups of pages, in the words that staff of such systems know."""

import msgspec


class Entry(msgspec.Struct, frozen=True):
    """One line of the left column; it is current on every page under `path`."""

    label: str
    path: str
    icon: str
    inside: bool = False
    count: str = ""
    """What is counted beside the label: the name of a part of fragments/waiting.html."""


class Group(msgspec.Struct, frozen=True):
    label: str
    entries: tuple[Entry, ...]


GROUPS = (
    Group(
        "CMS",
        (
            Entry("Movies", "/console/cms/movies", "film"),
            Entry("PPV Rules", "/console/cms/ppv-rules", "timer", inside=True),
            Entry("Packages", "/console/cms/packages", "layers", inside=True),
            Entry("Live Events", "/console/cms/live-events", "calendar-clock"),
            Entry("Seasons", "/console/cms/seasons", "tv"),
        ),
    ),
    Group(
        "CRM",
        (
            Entry("Customers", "/console/crm/customers", "users"),
            Entry("Tasks", "/console/crm/tasks", "inbox", inside=True, count="tasks"),
            Entry("Approvals", "/console/crm/approvals", "scale", inside=True, count="approvals"),
            Entry("Products", "/console/crm/products", "shopping-bag"),
            Entry("API Provisions", "/console/crm/products/api-provisions", "plug", inside=True),
            Entry("Reconciliation", "/console/crm/reconciliation", "receipt"),
        ),
    ),
    Group("Publishing", (Entry("Cloud Sync", "/console/cloud-sync", "cloud-upload"),)),
    Group(
        "Service",
        (
            Entry("Webhooks", "/console/webhooks", "send"),
            Entry("Staff", "/console/staff", "user"),
            Entry("Settings", "/console/settings", "settings"),
        ),
    ),
)


def current_path(path: str) -> str:
    """Return the path of the entry that `path` lies under: the longest one wins. Empty if none."""
    under = [
        entry.path
        for group in GROUPS
        for entry in group.entries
        if path == entry.path or path.startswith(entry.path + "/")
    ]
    return max(under, key=len, default="")
