"""A backtest with a model: asked, refused in sample, absent, explained; the report says so."""

import asyncio
import json
from datetime import datetime

import pytest
from typer.testing import CliRunner

from src.backtest import BacktestEngine
from src.backtest.report import write_report
from src.backtest.reporter import summary_table, write_run
from src.cli import app
from src.core.domain.account import PredictionStatus
from src.core.domain.time import to_millis
from src.core.exceptions import ConfigError
from src.core.orchestration.model_reasons import model_reasons
from src.ml.artefact import Artefact, sealed
from src.ml.model_folder import keep_version, write_artefact
from tests.ml.made_model import busy_artefact, settings

START, END = datetime(2023, 6, 1), datetime(2023, 6, 20)


def past_artefact() -> Artefact:
    """The small model as if it had been trained before the run."""
    made, until = busy_artefact(), to_millis(datetime(2023, 5, 30))
    span = made.manifest.trained_until - made.manifest.trained_from
    dated = made.manifest._replace(trained_from=until - span, trained_until=until)
    return Artefact(sealed(dated), made.files)


def prepared(tmp_path, artefact=None, **environment):
    if artefact is not None:
        write_artefact(tmp_path / "models" / "production", artefact)
    return settings(
        model__used="true",
        model__path=str(tmp_path / "models" / "production"),
        model__cache=str(tmp_path / "answers"),
        model__max_far="1",
        backtest__trials=str(tmp_path / "trials"),
        backtest__compile="never",
        **environment,
    )


def run(tmp_path, artefact=None, allow=False, **environment):
    engine = BacktestEngine(config=prepared(tmp_path, artefact, **environment), data="sample", allow_in_sample=allow)
    return asyncio.run(engine.run_backtest(START, END))


def test_a_run_inside_or_before_the_training_is_refused_unless_asked_for(tmp_path):
    with pytest.raises(ConfigError, match="the run begins before model") as caught:
        run(tmp_path, busy_artefact())
    assert "--allow-in-sample" in caught.value.remedy


def test_an_in_sample_run_says_so_everywhere(tmp_path):
    result = run(tmp_path, busy_artefact(), allow=True)
    assert result.summary["model"]["in_sample"] is True
    shown = [str(cell) for column in summary_table(result.summary, "en").columns for cell in column._cells]
    assert any("IN SAMPLE" in text for text in shown)
    write_run(result, tmp_path / "run")
    write_report(tmp_path / "run", "ja", None)
    page = (tmp_path / "run" / "report.md").read_text(encoding="utf-8")
    assert "学習済みの期間" in page
    assert "IN SAMPLE" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


def test_a_model_of_the_past_is_asked_and_decides(tmp_path):
    result = run(tmp_path, past_artefact())
    model = result.summary["model"]
    assert (model["status"], model["in_sample"], model["version"]) == ("GOOD", False, past_artefact().version)
    assert model["bars"]["GOOD"] > 50
    assert sum(model["bars"].values()) == result.summary["bars"]
    assert result.summary["reasons"]["MODEL_REFUSES"] > 0
    assert result.summary["reasons"]["MODEL_ABSENT"] == 0
    willing = run(tmp_path, past_artefact(), model__min_probability="0")
    assert willing.summary["trades"] > result.summary["trades"]


def test_the_same_run_from_kept_answers_is_the_same(tmp_path):
    first, again = run(tmp_path, past_artefact()), run(tmp_path, past_artefact())
    assert first.tape.prediction.tobytes() == again.tape.prediction.tobytes()
    assert first.summary["config_hash"] == again.summary["config_hash"]
    assert first.judged is not None
    assert again.judged is not None
    assert first.judged.inputs.tobytes() == again.judged.inputs.tobytes()
    assert len(list((tmp_path / "answers").iterdir())) == 1


def test_another_model_is_another_run(tmp_path):
    first = run(tmp_path, past_artefact())
    made = past_artefact()
    other = Artefact(sealed(made.manifest._replace(threshold=0.6)), made.files)
    assert run(tmp_path, other).summary["config_hash"] != first.summary["config_hash"]


def test_without_a_model_nothing_is_entered_and_the_summary_says_why(tmp_path):
    result = run(tmp_path)
    assert result.summary["model"]["status"] == "NONE"
    assert result.summary["model"]["bars"] == {"NONE": result.summary["bars"]}
    assert result.summary["trades"] == 0
    assert result.summary["reasons"]["MODEL_ABSENT"] > 0
    assert result.judged is None
    alone = run(tmp_path, model__hold_without="false")
    assert alone.summary["trades"] > 0


def test_a_commission_of_ones_own_is_another_trade_than_the_model_was_taught(tmp_path):
    engine = BacktestEngine(None, None, 0.0, config=prepared(tmp_path, past_artefact()), data="sample")
    result = asyncio.run(engine.run_backtest(START, END))
    assert result.summary["model"]["status"] == PredictionStatus.OTHER_BARRIERS.name
    assert "taker_fee_ppm" in result.summary["model"]["text"]
    assert result.summary["reasons"]["MODEL_OTHER_BARRIERS"] > 0


def judged_moment(result):
    bar = int(result.judged.bars[3])
    return int(result.tape.closed_at[bar])


def test_why_shows_what_moved_the_model(tmp_path):
    result = run(tmp_path, past_artefact())
    write_run(result, tmp_path / "run")
    at = judged_moment(result)
    lines = model_reasons(tmp_path / "run", at, prepared(tmp_path, language="en"))
    assert "what moved the model" in lines[0]
    parts = [float(line.rpartition(": ")[2]) for line in lines[1:-1]]
    assert len(parts) == 8
    assert [abs(part) for part in parts] == sorted((abs(part) for part in parts), reverse=True)
    assert "27 others together" in lines[-1]
    assert "寄与" in model_reasons(tmp_path / "run", at, prepared(tmp_path))[0]


def test_why_finds_the_version_that_was_asked_and_says_when_it_is_gone(tmp_path):
    result = run(tmp_path, past_artefact())
    write_run(result, tmp_path / "run")
    at, kept = judged_moment(result), keep_version(tmp_path / "models", past_artefact())
    newer = prepared(tmp_path, busy_artefact(), language="en")
    assert "what moved the model" in model_reasons(tmp_path / "run", at, newer)[0]
    for path in kept.iterdir():
        path.unlink()
    assert "is not here" in model_reasons(tmp_path / "run", at, newer)[0]


def test_why_is_silent_about_a_model_where_none_was_asked(tmp_path):
    result = run(tmp_path)
    write_run(result, tmp_path / "run")
    assert model_reasons(tmp_path / "run", int(result.tape.closed_at[5]), prepared(tmp_path)) == []
    assert not (tmp_path / "run" / "judged.parquet").exists()
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["model"]["used"] is True


def test_the_command_line_refuses_and_allows(tmp_path, monkeypatch):
    prepared(tmp_path, busy_artefact())
    monkeypatch.setenv("TRADER__MODEL__USED", "true")
    monkeypatch.setenv("TRADER__MODEL__PATH", str(tmp_path / "models" / "production"))
    monkeypatch.setenv("TRADER__MODEL__CACHE", str(tmp_path / "answers"))
    words = [
        "backtest",
        "--data",
        "sample",
        "--start",
        "2023-06-10",
        "--end",
        "2023-06-12",
        "--out",
        str(tmp_path / "r"),
    ]
    refused = CliRunner().invoke(app, words)
    assert isinstance(refused.exception, ConfigError)
    allowed = CliRunner().invoke(app, [*words, "--allow-in-sample", "--json"])
    assert allowed.exit_code == 0, allowed.output
    assert '"in_sample": true' in allowed.output
