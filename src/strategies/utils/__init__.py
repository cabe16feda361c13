"""What every strategy builds its signals from."""
