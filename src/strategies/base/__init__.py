"""The contract of a strategy, and how several are combined."""
