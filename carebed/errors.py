"""The small hierarchy of errors: each says to a person, in one sentence, what is wrong and what to do."""


class CarebedError(Exception):
    """Base of all errors that Carebed raises on purpose; `str()` is a sentence for a person."""


class SettingsError(CarebedError):
    """A setting is missing or wrong; the sentence names it. Processes stop with exit code 2."""


class StartError(CarebedError):
    """A process cannot start: busy port, unusable directory, missing program. Exit code 2."""
