"""The HTTP door: one router file per concept, sign-in, live stream, the web application."""
