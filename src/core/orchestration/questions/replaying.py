"""Every decision of a journal made again from its own inputs: the same hash, or the first that differs.

The chain is walked first: a line that is not as it was written proves nothing about the program.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from src.core.config import Settings
from src.core.domain.account import Contribution
from src.core.domain.journal import Json, Kind, Stored
from src.core.domain.time import format_jst
from src.core.orchestration.cycle import Judged, decision_body, params_hash
from src.core.orchestration.wiring import core_params
from src.ml.stage import WHOLE
from src.trading.decision import Params, decide
from src.trading.decision_record import Recorded, read_decision
from src.trading.journal import JournalReader, Verified

EVERY: Final = 100  # decisions between two signs of progress
_WORDS: Final = {
    "ja": {
        "broken": "記録{}行目は書かれたときのままではない: {}({}行目までは無傷)",
        "chain": "記録の鎖は無傷(全{:,}行、最後のハッシュ {})",
        "same": "判断 {:,}件のうち {:,}件を同じ入力からやり直し、すべて同じハッシュ",
        "differs": "判断 {:,}件のうち {:,}件はやり直すと一致しない。最初は {}行目(足 {}): {}",
        "both": "  記録: {}\n  再計算: {}",
        "others": "{:,}件({}〜{}行目)は別の設定(ハッシュ {}…)の判断:その設定で確認すること",
        "none": "判断の記録はまだない",
    },
    "en": {
        "broken": "entry {} is not as it was written: {} (all up to {} are)",
        "chain": "the chain is whole: all {:,} entries as they were written, last hash {}",
        "same": "of {:,} decisions {:,} were made again from their own inputs, all with the same hash",
        "differs": "of {:,} decisions {:,} come out otherwise; the first is line {} (bar {}): {}",
        "both": "  stored:   {}\n  refolded: {}",
        "others": "{:,} decisions (lines {} to {}) are of other settings (hash {}…): replay them with those",
        "none": "there is no decision yet",
    },
}


class Difference(NamedTuple):
    """A decision that came out otherwise than it was written down."""

    number: int  # of the journal's line
    closed_at: str
    field: str  # the first that differs, as a path
    stored: Json
    refolded: Json


class Replayed(NamedTuple):
    """What a replay found."""

    chain: Verified
    decisions: int
    same: int  # with the hash that is stored
    others: tuple[tuple[str, int, int, int], ...]  # other settings' hash, first and last line, how many
    first: Difference | None
    different: int

    @property
    def holds(self) -> bool:
        """Whether the chain is whole and no decision differs."""
        return self.chain.broken is None and self.first is None


def replay(reader: JournalReader, settings: Settings, progress: Callable[[int], None]) -> Replayed:
    """Verify the chain, then refold each decision that was made with these settings.

    Parameters
    ----------
    progress
        Called with the number of decisions that have been looked at.

    Raises
    ------
    StoreDamaged
        If a decision's line cannot be read, though the chain is whole: another version wrote it.
    """
    chain = reader.verify()
    if chain.broken is not None:
        return Replayed(chain, 0, 0, (), None, 0)
    params = core_params(settings)
    own = params_hash(params)
    total, same, different = 0, 0, 0
    first: Difference | None = None
    others: dict[str, tuple[int, int, int]] = {}
    for line in reader.walk(Kind.STARTED, Kind.DECISION):
        if line.entry.kind is Kind.STARTED:
            params = params_of(line, params)
            own = params_hash(params)
            continue
        total, config = total + 1, str(line.entry.body.get("config"))
        if config != own:
            begin, _, count = others.get(config, (line.number, line.number, 0))
            others[config] = (begin, line.number, count + 1)
            continue
        found = compare(line, params)
        same, different = same + (found is None), different + (found is not None)
        first = first or found
        if total % EVERY == 0:
            progress(total)
    return Replayed(chain, total, same, tuple((c, *spans) for c, spans in others.items()), first, different)


def params_of(started: Stored, params: Params) -> Params:
    """Return the parameters of a process that began so: its share of the usual size is in no setting."""
    share = started.entry.body.get("share_bps", WHOLE)
    return params._replace(size=params.size._replace(share_bps=share if isinstance(share, int) else WHOLE))


def refold(recorded: Recorded, params: Params) -> Judged:
    """Return what the core makes of a decision's own inputs."""
    after, decision = decide(recorded.before, recorded.row, recorded.prediction, recorded.account, params)
    explained = tuple(Contribution(name, part) for name, part in recorded.explained.items())
    return Judged(
        recorded.row,
        recorded.prediction,
        recorded.account,
        recorded.before,
        after,
        decision,
        explained,
        shadow=recorded.shadow,
    )


def compare(line: Stored, params: Params) -> Difference | None:
    """Return where a decision's line differs from what its inputs make of it now, or None."""
    recorded = read_decision(line)
    body = decision_body(refold(recorded, params))
    if body["hash"] == recorded.hash:
        return None
    stored = {name: line.entry.body.get(name) for name in body}
    path, was, now = _first_difference("", stored, body)
    return Difference(line.number, format_jst(recorded.row.closed_at), path, was, now)


def _first_difference(path: str, one: Json, other: Json) -> tuple[str, Json, Json]:
    """Return the first place at which two bodies differ; results stand before the hash of all."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for name in sorted(one, key=lambda key: (key == "hash", key != "decision", key)):
            if one[name] != other[name]:
                return _first_difference(f"{path}.{name}".lstrip("."), one[name], other[name])
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for k, (a, b) in enumerate(zip(one, other, strict=True)):
            if a != b:
                return _first_difference(f"{path}[{k}]", a, b)
    return path, one, other


def replay_lines(found: Replayed, language: str) -> list[str]:
    """Return what a replay found, line by line."""
    words, chain = _WORDS[language], found.chain
    if chain.broken is not None:
        return [words["broken"].format(chain.broken, chain.why, chain.entries)]
    lines = [words["chain"].format(chain.entries, chain.hash)]
    if found.decisions == 0:
        return [*lines, words["none"]]
    first = found.first
    if first is not None:
        text = words["differs"]
        lines.append(text.format(found.decisions, found.different, first.number, first.closed_at, first.field))
        lines.append(words["both"].format(first.stored, first.refolded))
    else:
        lines.append(words["same"].format(found.decisions, found.same))
    for config, begin, end, count in found.others:
        lines.append(words["others"].format(count, begin, end, config[:12]))
    return lines


def replay_plain(found: Replayed) -> dict[str, Json]:
    """Return what a replay found, in JSON's types."""
    chain, first = found.chain, found.first
    others: list[Json] = [
        {"config": config, "first": begin, "last": end, "decisions": count}
        for config, begin, end, count in found.others
    ]
    return {
        "holds": found.holds,
        "entries": chain.entries,
        "last_hash": chain.hash,
        "broken": chain.broken,
        "why": chain.why,
        "decisions": found.decisions,
        "same": found.same,
        "different": found.different,
        "first_difference": None if first is None else dict(first._asdict()),
        "other_settings": others,
    }
