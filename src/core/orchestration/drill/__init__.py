"""The drill: the trader is killed at every step around an order's life, under every fault, and has to recover.

Everything runs in this process on the simulated exchange with a clock of its own, so each cell is repeatable. What
must hold in every cell stands in `audit`.
"""
