"""How well the detectors do: on homes and people that others recorded, and on simulated lives whose truth is known."""
