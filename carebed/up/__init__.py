"""`carebed up`: the whole house on one machine, with embedded database and broker.

`run` is the way through; `programs` names our processes, `keeper` starts them again, `readiness` waits for them,
`ready_file` tells the outside, `console` tells the person. Nothing is imported here: every process imports the command
line, which looks at `options`.
"""
