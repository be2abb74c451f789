"""Why a message was not taken as it came: the words of quarantine rows, receipts and counters."""

from enum import StrEnum


class Reason(StrEnum):
    """One word per cause; `meaning` says it in a line for people. Stored, so a word is never reused."""

    MALFORMED_TOPIC = "malformed_topic", "the topic is not carebed/v1/{shard}/{gateway}/{lane}/{device}"
    WRONG_SHARD = "wrong_shard", "the shard is not the first byte of SHA-256 of the gateway id"
    TOO_LARGE = "too_large", "the payload is over 512 KiB"
    TOO_MANY = "too_many", "the array holds more than 1,000 objects"
    MALFORMED_JSON = "malformed_json", "not UTF-8 JSON"
    WRONG_TYPE = "wrong_type", "a key holds something else than the contract says"
    BAD_ID = "bad_id", "`id` is missing or is not a string of 1 to 64 characters"
    BAD_TIME = "bad_time", "`time` is not RFC 3339 with a zone or integer milliseconds, within the years 1 to 9999"
    FUTURE_TIME = "future_time", "`time` lies more than 10 min ahead"
    TOO_OLD = "too_old", "`time` lies before what is kept of readings"
    NUL_CHARACTER = "nul_character", "a string holds the character U+0000, which the database cannot keep"
    LONE_SURROGATE = "lone_surrogate", "a string holds half of a surrogate pair, which is no character"
    NOT_FINITE = "not_finite", "a number is infinite, not a number, or does not fit a double"
    TOO_DEEP = "too_deep", "`data` nests more than 32 levels"
    UNKNOWN_GATEWAY = "unknown_gateway", "no gateway with this id is registered"
    UNKNOWN_DEVICE = "unknown_device", "no device with this id is registered at this gateway"
    FLOOD = "flood", "more than this gateway may send; the row holds many messages, packed"
    STORE_ERROR = "store_error", "the database refused it"

    meaning: str

    def __new__(cls, word: str, meaning: str) -> "Reason":
        reason = str.__new__(cls, word)
        reason._value_ = word
        reason.meaning = meaning
        return reason
