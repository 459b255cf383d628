"""What is read of a search that somebody typed."""

from __future__ import annotations

#: Characters; the longest name of a school has 90.
MAX_SEARCH_LENGTH = 200
#: Each is a condition of the query.
MAX_SEARCH_WORDS = 8


def cut_search(text: str) -> str:
    """Return the beginning of a search, at most `MAX_SEARCH_WORDS` words in `MAX_SEARCH_LENGTH` characters.

    What is beyond is ignored, and no error: whoever pastes a whole line finds what it begins with.
    """
    return " ".join(text[:MAX_SEARCH_LENGTH].split()[:MAX_SEARCH_WORDS])
