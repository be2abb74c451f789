"""The broker dies, freezes, refuses, or gives the session to somebody else."""

import asyncio
import signal
from pathlib import Path

from session_broker import PASSWORD, Broker, numbered, numbers, ready, take, until

from ingest.mqtt import Intake


async def test_after_a_crash_of_the_broker_the_session_goes_on(broker: Broker) -> None:
    """What the broker had saved comes again, what is published afterwards comes too, and nobody did anything for it."""
    session = broker.session()
    async with ready(session) as intake:
        await broker.publish(numbered(5))
        await take(intake, 5)
        await broker.save()
        broker.kill()
        await until(lambda: session.unready is not None)
        assert intake.unready is not None
        assert "1 of 1 MQTT sessions" in intake.unready
        broker.start()
        await until(lambda: session.unready is None)
        assert session.counters.connects == 2
        assert session.counters.sessions_lost == 0
        await broker.publish(numbered(5, "t/after"))
        after: list[int] = []
        while len(after) < 5:  # messages whose PUBACK the broker had not saved come again before these
            after += numbers(message for message in await take(intake, 1) if message.topic == "t/after")
        assert after == list(range(5))


async def test_a_broker_that_forgot_the_session_is_subscribed_to_again(broker: Broker, broker_directory: Path) -> None:
    session = broker.session()
    async with ready(session) as intake:
        broker.kill()
        (broker_directory / "mosquitto.db").unlink(missing_ok=True)
        broker.start()
        await until(lambda: session.unready is None and session.counters.connects == 2)
        assert session.counters.sessions_lost == 1
        await broker.publish(numbered(3))
        assert numbers(await take(intake, 3)) == [0, 1, 2]


async def test_a_frozen_broker_is_noticed_by_its_silence(broker: Broker) -> None:
    """Half open: no packet, no end of the connection."""
    session = broker.session(keepalive_s=1)
    async with ready(session) as intake:
        broker.send(signal.SIGSTOP)
        try:
            await until(lambda: session.unready is not None, timeout_s=3)
            assert session.unready == "the broker does not answer"
        finally:
            broker.send(signal.SIGCONT)
        await until(lambda: session.unready is None)
        await broker.publish(numbered(1))
        await take(intake, 1)


async def test_a_stalled_consumer_does_not_make_a_live_broker_look_dead(broker: Broker) -> None:
    """Reading is paused for longer than the keepalive: PINGREQs go on, and their answers are not missed."""
    session = broker.session(keepalive_s=1)
    async with ready(session, max_batch=10, max_pending=100) as intake:
        await broker.publish(numbered(10_000))
        await until(lambda: session.paused)
        await asyncio.sleep(2.5)  # two and a half keepalives
        assert numbers(await take(intake, 10_000)) == list(range(10_000))
        assert session.counters.connects == 1


async def test_two_sessions_cannot_share_and_do_not_fight_in_a_tight_loop(broker: Broker) -> None:
    """Two workers believe they own a group: the broker gives it to one at a time, and nothing is lost in between."""
    first, second = broker.session(), broker.session()
    async with ready(first) as old, Intake([second]) as new:
        await until(lambda: first.unready is not None and second.unready is None)
        await broker.publish(numbered(100))
        arrived: set[int] = set()

        async def consume(intake: Intake) -> None:
            async for batch in intake:
                arrived.update(numbers(batch.messages))
                intake.ack(batch)

        consumers = [asyncio.create_task(consume(intake)) for intake in (old, new)]
        await until(lambda: arrived == set(range(100)))
        await asyncio.sleep(3)
        assert first.counters.connects + second.counters.connects < 20
        for consumer in consumers:
            consumer.cancel()
        await asyncio.wait(consumers)


async def test_a_wrong_password_is_a_reason_and_a_right_one_is_found(broker_directory: Path) -> None:
    """Somebody mends the broker's password file: the session connects without a restart of ours."""
    passwords = broker_directory / "passwords"
    passwords.write_text("")
    passwords.chmod(0o644)
    broker = Broker(broker_directory, f"allow_anonymous false\npassword_file {passwords}")
    broker.start()
    try:
        session = broker.session()
        async with Intake([session]) as intake:
            await until(lambda: session.unready == "the broker refused the connection: bad user name or password"
                        or session.unready == "the broker refused the connection: not authorized")  # fmt: skip
            assert session.counters.connects == 0
            passwords.write_text(f"ingest-reading-0:{_hash(PASSWORD)}\n")
            broker.send(signal.SIGHUP)
            await until(lambda: intake.unready is None)
    finally:
        broker.kill()


async def test_publishing_without_a_connection_is_refused_and_counted(broker: Broker) -> None:
    session = broker.session()
    async with ready(session):
        broker.kill()
        await until(lambda: session.unready is not None)
        assert not session.publish("t/receipt", b"{}")
        assert session.counters.publishes_dropped == 1


def _hash(password: str) -> str:
    """Mosquitto's own format: PBKDF2-SHA512."""
    from base64 import b64encode
    from hashlib import pbkdf2_hmac

    salt = b"twelve bytes"
    digest = pbkdf2_hmac("sha512", password.encode(), salt, 101)
    return f"$7$101${b64encode(salt).decode()}${b64encode(digest).decode()}"
