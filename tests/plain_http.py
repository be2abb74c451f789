"""Clients of what runs on this machine speak plain HTTP."""

import ssl

#: For `verify`: without it every client loads the certificates of all authorities first, 20 ms of work each.
NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
