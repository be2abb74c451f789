"""Past nights, looked at again: stored events through detectors with other parameters. Writes nothing.

Not to be taken for `ingest.replay`, which takes in what was put aside: here nothing is taken in, and nobody is called.
"""
