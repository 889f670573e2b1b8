"""Pure values shared by every domain: money, time windows, ids, errors, paging. No I/O."""
