"""A request as it was sent: nothing is decoded, normalised or re-serialised before its signature was checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from src.twin.refusal import CallRefused

BAD_REQUEST: Final = 10002
REPEATED_KEY: Final = 40013
MOST_PARAMETERS: Final = 50


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request.

    Parameters
    ----------
    method
        In upper case.
    target
        Path and query exactly as they stood in the request line.
    headers
        Looked up without regard to case.
    body
        The raw bytes.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """The target up to the query, still escaped."""
        return self.target.partition("?")[0]

    def query(self) -> dict[str, str]:
        """Return the decoded query.

        Raises
        ------
        Refused
            40013 for a repeated name (seen live), 10002 for more than `MOST_PARAMETERS` or bytes that are not UTF-8.
        """
        try:
            pairs = parse_qsl(
                self.target.partition("?")[2], keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS
            )
        except ValueError as e:  # a UnicodeDecodeError is one
            raise CallRefused(BAD_REQUEST) from e
        found = dict(pairs)
        if len(found) != len(pairs):
            raise CallRefused(REPEATED_KEY)
        return found
