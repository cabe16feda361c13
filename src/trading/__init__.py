"""Decisions, sizes, risk and the account's arithmetic."""
