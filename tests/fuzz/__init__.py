"""Mutated messages through the real pipeline, every one accounted for: `make fuzz`, and a share in `make test`."""
