"""What the status says of halts and alarms."""

from src.core.domain.journal import Entry, Kind, Stored
from src.core.domain.time import HOUR, Millis, format_jst
from src.core.orchestration.questions.trader_status import ago, alarm_text, halts, read_status
from src.trading.journal import JournalReader
from src.trading.journal.database import database_url


def status_of(traded, now):
    with JournalReader(database_url(traded.journal, {})) as reader:
        return read_status(reader, "paper", now)


def alarm(**body) -> Stored:
    return Stored(1, Entry(Kind.ALARM, Millis(0), body), "0" * 64)


def test_an_alarm_says_what_it_is_about_first():
    assert alarm_text(alarm(tier="WARNING", topic="refused", what="a stop was refused with 70004")) == (
        "WARNING refused: a stop was refused with 70004"
    )
    assert alarm_text(alarm(what="cash", flow=7)) == "cash, flow 7"


def test_halts_are_named_with_their_end(traded):
    found = status_of(traded, Millis(0))
    assert found.book is not None
    at = found.written_at
    risk = found.book.state.risk._replace(halted=True, streak_until=Millis(at + 1), cooldown_until=Millis(at + HOUR))
    book = found.book._replace(halted=True, state=found.book.state._replace(risk=risk))
    assert halts(found._replace(book=book)) == [
        ("person", ""),
        ("drawdown", ""),
        ("streak", format_jst(Millis(at + 1))),
        ("cooldown", format_jst(Millis(at + HOUR))),
    ]
    over = risk._replace(halted=False, streak_until=at, cooldown_until=at)
    assert halts(found._replace(book=found.book._replace(state=found.book.state._replace(risk=over)))) == []


def test_the_day_of_the_last_line_is_today(traded):
    found = status_of(traded, Millis(0))
    trades = traded.desk.cycle.judged
    assert found.decision is not None
    assert found.decision.row.closed_at == trades[-1].row.closed_at
    assert all(trade.closed_at > found.written_at - 24 * HOUR for trade in found.trades)


def test_a_length_of_time_is_said_in_its_two_largest_units():
    assert [ago(ms, "en") for ms in (59_999, 61 * 60_000, 25 * HOUR, -5)] == ["0 min", "1 h 1 min", "1 d 1 h", "0 min"]
    assert ago(25 * HOUR, "ja") == "1日1時間"
