"""The ground every other package stands on, and the roof that wires them together."""
