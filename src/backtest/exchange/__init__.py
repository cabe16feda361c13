"""The parts of the simulated exchange: pure, exact integers, no clock; `src.backtest.simulated_exchange` joins them."""
