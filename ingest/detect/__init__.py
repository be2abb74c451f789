"""Detectors as pure functions: state and event, or state and due deadline, in; what follows, out. No I/O, no clock."""
