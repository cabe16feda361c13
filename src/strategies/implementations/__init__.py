"""The strategies: one file each, found by its name in the settings."""
