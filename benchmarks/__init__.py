"""Side by side with peers and limits: `python -m benchmarks` (or `make bench`)."""
