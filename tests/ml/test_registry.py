"""The registry keeps what was trained and which version is champion, in MLflow's own store."""

import pytest

from src.ml.registry import CHALLENGER, CHAMPION, SERVER, Registry

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow uses deprecated parts of its own libraries


def test_versions_are_kept_once_and_aliases_point_at_them(tmp_path, monkeypatch):
    monkeypatch.delenv(SERVER, raising=False)
    files = tmp_path / "training"
    files.mkdir()
    (files / "card.md").write_text("a card")
    registry = Registry(tmp_path / "registry")
    assert registry.all() == []
    assert registry.pointed(CHAMPION) is None
    first = registry.record("aaa", files, {"log_loss": 0.6}, {"stage": "candidate"})
    assert registry.record("aaa", files, {"log_loss": 0.6}, {}) == first
    registry.record("bbb", files, {"log_loss": 0.5}, {"stage": "shadow"})
    assert [each.version for each in registry.all()] == ["bbb", "aaa"]
    registry.point(CHAMPION, "aaa")
    registry.point(CHALLENGER, "bbb")
    assert (registry.pointed(CHAMPION), registry.pointed(CHALLENGER)) == ("aaa", "bbb")
    registry.point(CHALLENGER, None)
    registry.point(CHALLENGER, None)
    again = Registry(tmp_path / "registry")
    assert (again.pointed(CHAMPION), again.pointed(CHALLENGER)) == ("aaa", None)
    assert [path.read_text() for path in (tmp_path / "registry").rglob("card.md")] == ["a card"] * 2
