"""Closed bars in, rows out: the managed features in two views and the strategies' own inputs. Pure."""
