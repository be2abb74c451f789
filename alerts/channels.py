"""Through which channels people are told in this installation: one decision for every process that tells somebody."""

from carebed.settings import Settings


def channels(settings: Settings) -> tuple[str, ...]:
    """The live stream always; the webhook where one is set up."""
    return ("live", "webhook") if settings.webhook_url else ("live",)
