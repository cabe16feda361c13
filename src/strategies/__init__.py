"""Strategies propose trades from one row; the manager weighs what they propose. Pure."""
