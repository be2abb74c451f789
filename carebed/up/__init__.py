"""`carebed up`: the whole house on one machine, with embedded database and broker.

`run` is the way through; `programs` names our processes, `keeper` starts them again, `readiness` waits for them,
`ready_file` tells the outside, `console` tells the person.
"""

from carebed.up.options import UpOptions
from carebed.up.run import run_up

__all__ = ["UpOptions", "run_up"]
