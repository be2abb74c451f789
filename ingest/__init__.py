"""Broker to database: subscriber, pipeline, store, detectors."""
