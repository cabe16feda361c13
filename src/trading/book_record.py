"""Reads what the journal holds back into values, strictly: a field that is missing, unknown or wrong is an error."""

import json
from typing import Final

from pydantic import ConfigDict, TypeAdapter, ValidationError

from src.core.domain.journal import Stored
from src.core.exceptions import StoreDamaged
from src.trading.book import Book

_BOOK: Final[TypeAdapter[Book]] = TypeAdapter(Book, config=ConfigDict(arbitrary_types_allowed=False))


def read_book(stored: Stored) -> Book:
    """Return the book that an entry holds.

    Raises
    ------
    StoreDamaged
        If it is no book of this version.
    """
    try:
        return _BOOK.validate_json(json.dumps(dict(stored.entry.body)), strict=True)
    except ValidationError as e:
        first = e.errors()[0]
        raise StoreDamaged(
            f"journal line {stored.number} does not hold the trader's state: {first['msg']} at {first['loc']}",
            remedy="it was written by another version: start that one, or begin a new journal when flat",
        ) from e
