"""The model: labels, splits, scores, the gate, training and the registry."""
