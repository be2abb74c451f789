"""TCP ports of this machine: a free one for what only we talk to, a clear word when a chosen one is taken."""

import random
import socket

from carebed.errors import StartError

# Below Linux's default range for outgoing connections (32768 to 60999): a service that is started again finds its port
# still free.
_PRIVATE_PORTS = range(20_000, 32_000)


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # As servers do: TIME_WAIT is no hindrance.
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A free port on 127.0.0.1 that stays out of the way of outgoing connections."""
    for port in random.SystemRandom().sample(_PRIVATE_PORTS, 200):
        if is_free(port):
            return port
    raise StartError("No free TCP port between 20000 and 32000: something on this machine holds them all.")


def require_free(port: int, what: str, option: str, host: str = "127.0.0.1") -> None:
    """Raise `StartError` naming the option when `port` cannot be listened on."""
    if not is_free(port, host):
        variable = "CAREBED_" + option.removeprefix("--").replace("-", "_").upper()
        where = f"{option} ({variable})" if option.startswith("--") else option
        raise StartError(f"Port {port} for {what} is busy or not permitted: free it, or choose another {where}.")
