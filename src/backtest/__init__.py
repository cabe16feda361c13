"""The past, replayed through the same decisions as the present."""
