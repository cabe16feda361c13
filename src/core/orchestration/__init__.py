"""The drivers: what is wired to what, and what happens at each closed candle."""
