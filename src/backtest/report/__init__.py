"""The report of a finished run: one offline page, a text, and a picture, in Japanese and English."""

from src.backtest.report.writer import write_report

__all__ = ["write_report"]
