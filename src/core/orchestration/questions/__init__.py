"""Answers to what a trader asks of a running program: from its journal, its settings and the exchange."""
