"""The exchange twin: bitbank's own REST and streams in front of the simulated exchange, on this machine."""
