"""The dashboard: one page on this machine about a trader, read from its journal; it can change nothing."""

from src.monitoring.dashboard.server import ADDRESS, Dashboard

__all__ = ["ADDRESS", "Dashboard"]
