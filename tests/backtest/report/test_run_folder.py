import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from src.backtest.report.run_folder import NO_STOP, read_run
from src.backtest.reporter import run_folder
from src.core.domain.market import Side
from src.core.domain.orders import ExitReason, Reason
from src.core.domain.time import parse_time
from src.core.exceptions import ConfigError
from src.trading.ledger import worse

SLIPPAGE_PPM = 500


def test_trades_come_back_as_the_engine_made_them(run, result):
    columns = ("opened_at", "closed_at", "side", "lots", "entry", "exit", "gross", "fee", "interest", "slippage", "net")
    assert len(run.trades) == len(result.trades) > 20
    for name in (*columns, "risk", "worst", "best"):
        assert getattr(run.trades, name).tolist() == [getattr(t, name) for t in result.trades], name
    assert run.trades.exit_reason == tuple(t.exit_reason.name for t in result.trades)
    assert run.trades.strategy == tuple(result.strategies[t.leader] for t in result.trades)
    assert run.initial == 1_000_000 * 10_000
    assert run.final == run.initial + sum(t.net for t in result.trades)


def test_decisions_and_candles_come_back_as_the_engine_made_them(run, result):
    names = [run.decisions.reasons[k] for k in run.decisions.reason]
    assert names == [Reason(int(code)).name for code in result.output.reason]
    assert run.decisions.equity.tolist() == result.output.equity.tolist()
    assert run.candles.low.tolist() == result.tape.low.tolist()
    assert run.candles.closed_at.tolist() == result.tape.closed_at.tolist()


def test_a_trade_that_was_stopped_out_inside_a_bar_left_at_the_stop_shown_for_it(run, result):
    opens = dict(zip(result.tape.closed_at.tolist(), result.tape.open.tolist(), strict=True))
    at_the_stop = 0
    for k, trade in enumerate(result.trades):
        if trade.exit_reason != ExitReason.STOP:
            continue
        closing = Side.SELL if trade.side == Side.BUY else Side.BUY
        stop = int(run.trades.stop[k])
        if trade.closed_at + 1 in opens:  # inside a bar
            assert trade.exit == worse(stop, closing, SLIPPAGE_PPM)
            at_the_stop += 1
        else:  # at an open beyond it
            assert (trade.exit - stop) * trade.side <= 0
    assert at_the_stop > 5


def test_every_trade_has_its_stop_on_the_losing_side(run):
    assert (run.trades.stop != NO_STOP).all()
    assert ((run.trades.entry - run.trades.stop) * run.trades.side > 0).all()


def test_a_run_without_trades_is_read(idle):
    assert len(read_run(idle).trades) == 0


@pytest.mark.parametrize("name", ["summary.json", "trades.csv", "decisions.parquet", "candles.parquet"])
def test_a_missing_file_is_named_with_what_to_do(folder, name):
    (folder / name).unlink()
    with pytest.raises(ConfigError, match=f"holds no {name}") as refused:
        read_run(folder)
    assert refused.value.remedy


@pytest.mark.parametrize("name", ["summary.json", "trades.csv", "decisions.parquet", "candles.parquet"])
def test_a_damaged_file_is_named_with_what_to_do(folder, name):
    (folder / name).write_bytes(b"\x00number,side\n1,\xe3")
    with pytest.raises(ConfigError, match=name) as refused:
        read_run(folder)
    assert "repeat the backtest" in refused.value.remedy


def test_a_trade_with_an_unreadable_number_is_refused(folder):
    path = folder / "trades.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("BUY", "UP", 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"trades\.csv"):
        read_run(folder)


def test_candles_of_another_run_are_refused(folder):
    path = folder / "candles.parquet"
    pq.write_table(pq.read_table(path).slice(1), path)
    with pytest.raises(ConfigError, match="different bars"):
        read_run(folder)


def test_a_table_without_a_column_is_refused(folder):
    path = folder / "decisions.parquet"
    pq.write_table(pq.read_table(path).drop_columns("equity"), path)
    with pytest.raises(ConfigError, match="equity"):
        read_run(folder)


@pytest.mark.parametrize(("change", "found"), [({"symbol": "ETH/JPY"}, "ETH/JPY"), ({"symbol": None}, "None")])
def test_another_pair_is_refused(folder, change, found):
    path = folder / "summary.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | change), encoding="utf-8")
    with pytest.raises(ConfigError, match=found):
        read_run(folder)


@pytest.mark.parametrize("text", ["[]", "3", '{"symbol": "BTC/JPY"}'])
def test_a_summary_that_is_not_one_is_refused(folder, text):
    (folder / "summary.json").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="without"):
        read_run(folder)


def test_results_in_risks_are_unknown_where_the_risk_is(run):
    assert np.allclose(run.trades.result_r, run.trades.net / run.trades.risk)


def test_each_run_has_a_folder_of_its_own_that_names_its_days(result, tmp_path):
    at = parse_time("2026-11-25T20:10:05")
    first = run_folder(tmp_path, at, result)
    assert first.name == f"20261125-201005-sample-20230101-20230401-{result.summary['config_hash'][:8]}"
    first.mkdir()
    second = run_folder(tmp_path, at, result)
    assert second.name == f"{first.name}-2"
    second.mkdir()
    assert run_folder(tmp_path, at, result).name == f"{first.name}-3"
