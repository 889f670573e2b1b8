"""What the checks of settings share: where complaints are collected, and what none of the texts may hold."""

import re

Fields = dict[str, str]
"""Messages by the path of the field that they are about."""

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""No text of one line has these."""
