"""Chaos: the real house under load, killed and cut off by chance, and every message accounted for afterwards.

`__main__` is the way through; `schedule` draws the faults, `injector` does them; `house` is what they are done to,
through `line` and `broker`; `gateway`, `traffic` and `desk` are the load; `ledger` remembers every message,
`accountant` compares it with the database, `watch` looks at the invariants meanwhile; `story` tells what happened to
what is broken.
"""
