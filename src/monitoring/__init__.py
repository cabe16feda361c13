"""What a person sees of a running trader: notices, health, figures."""
