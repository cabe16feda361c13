"""The state on disk."""

import stat

import pytest

from src.core.exceptions import StoreDamaged
from src.twin.state_file import read_state, write_state


def test_what_was_written_is_read_and_nobody_else_can_read_it(tmp_path):
    path = tmp_path / "deep" / "twin.json"
    assert read_state(path) is None
    write_state(path, {"a": [1, "ü"]})
    write_state(path, {"a": [2]})
    assert read_state(path) == {"a": [2]}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format":99}', "{}"])
def test_anything_else_is_refused(tmp_path, content):
    path = tmp_path / "twin.json"
    path.write_text(content)
    with pytest.raises(StoreDamaged, match="remove"):
        read_state(path)
