"""PostgreSQL and Mosquitto as children of `carebed up` and of the tests: one data directory, no orphans, no root.

The way through: `datadir` (what is ours, and only once at a time), `account` and `quarters` (as whom and where a
service runs), `launch` (the last step before the service itself), `child` (a running process), then `postgres` and
`broker` with their configuration and secrets.
"""
