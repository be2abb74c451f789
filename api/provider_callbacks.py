"""Where providers report: deliveries, replies, keys. The address carries a secret; a wrong one is a 404 like any other.

Each thing reported is a transaction of its own, so that one that fails spoils no other; what fails with the database is
answered 503, and the provider sends all of it again: everything here may come twice.
"""

import hmac

from fastapi import APIRouter, Request
from prometheus_client import Counter
from starlette.responses import JSONResponse, Response

from alerts import aliyun_reports
from alerts.answers import enter_ours, sms_reply, voice_key
from alerts.delivery import report
from alerts.moves import AlarmUnknown
from alerts.provider import Key, Readers, Reply, Report, Reported
from api.problem import Problem, not_found
from api.scope import Parts, PartsOf
from carebed.logs import get_logger

log = get_logger()

router = APIRouter(prefix="/callbacks", include_in_schema=False)

REPORTS = Counter("carebed_provider_reports", "What providers reported", ["provider", "what", "outcome"])

#: Provider -> what it reports, by the last part of the address.
PROVIDERS: dict[str, Readers] = {"aliyun": aliyun_reports.READERS}


@router.post("/{secret}/{provider}/{what}")
async def take(request: Request, parts: PartsOf, secret: str, provider: str, what: str) -> Response:
    ours = parts.callback_secret
    reader = PROVIDERS.get(provider, {}).get(what)
    if ours is None or not hmac.compare_digest(secret.encode(), ours.encode()) or reader is None:
        raise not_found("There is nothing at this address.")
    try:
        reported = reader(await request.body())
    except ValueError as error:
        raise Problem(400, "bad-request", f"The body {error}.") from None
    for one in reported:
        REPORTS.labels(provider, what, await _take(parts, one)).inc()
    return JSONResponse({"code": 0, "msg": "OK"})


async def _take(parts: Parts, one: Reported) -> str:
    """What became of it: known, or nothing of ours."""
    async with parts.database.transaction() as conn:
        if isinstance(one, Report):
            await enter_ours(conn)
            known = await report(
                conn, one.channel, one.provider_id, one.state, one.at, ref=one.ref, error=one.error,
                permanent=one.permanent, channels=parts.hooks.channels,
            )  # fmt: skip
            return "known" if known else "unknown"
        try:
            if isinstance(one, Reply):
                result = await sms_reply(conn, one.address, one.words, one.reply_id, parts.hooks, channel=one.channel)
            else:
                assert isinstance(one, Key)
                result = await voice_key(conn, one.provider_id, one.ref, one.key, parts.hooks, channel=one.channel)
        except AlarmUnknown:
            return "unknown"
        return "unknown" if result is None else str(result)
