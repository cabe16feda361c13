"""Candles: in from files and from bitbank, checked, stored, served."""
