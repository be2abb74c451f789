"""Random nights on a real database: whatever people, providers, clocks and crashes do, escalation keeps its word."""
