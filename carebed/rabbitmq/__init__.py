"""RabbitMQ 4 as the broker: configuration, rights, the doorkeeper that keeps both, and one for `carebed up`."""
