"""Between device and broker: the wire contract (`gateway.wire`), importable without the server."""
