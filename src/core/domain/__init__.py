"""The nouns of the field, as values: time, market, orders, account. Floor 0: imports nothing of ours."""
