"""Simulated homes: residents with habits, their devices and gateways. Speaks only the wire contract."""
