"""Probes of what is one's own for `test_scope`: sign-in, contact methods, quiet hours, pushes."""

from api_service import Person
from scope_ground import Ground, Probe


async def _reads_himself(_ground: Ground, person: Person) -> None:
    assert (await person.get("/me")).json()["login"] == person.login


async def _signs_out(_ground: Ground, person: Person) -> None:
    assert (await person.post("/auth/sign-out")).status_code == 204
    assert (await person.get("/me")).status_code == 401


async def _signs_in(ground: Ground, person: Person) -> None:
    again = await ground.service.sign_in(person.login)
    assert await again.me() == await person.me()


def _staff(ground: Ground, login: str) -> str:
    return str(ground.service.sql("SELECT id FROM staff WHERE login = %s", login)[0][0])


async def _is_reached(ground: Ground, person: Person) -> None:
    """One's own methods; a manager sees those of his branch and keeps those of people who never sign in."""
    await ground.service.write(
        """INSERT INTO staff (id, name, role, area_code) VALUES
           ('00000000-0000-4000-8000-000000000001', 'N', 'neighbour', '350102001001'),
           ('00000000-0000-4000-8000-000000000002', 'M', 'neighbour', '350103001001') ON CONFLICT DO NOTHING"""
    )
    manages = person.login in ("manager", "admin")
    for number, alarm in ((1, ground.ours), (2, ground.theirs)):
        staff = f"00000000-0000-4000-8000-00000000000{number}"
        visible = alarm in ground.visible_to(person.login)
        expected = (404 if not visible else None) if manages else 403
        await _keeps(ground, person, staff, expected)
    mine = await person.me()
    for login in ("caregiver1", "caregiver-other"):
        other = _staff(ground, login)
        if other == mine:
            continue
        visible = (ground.ours if login == "caregiver1" else ground.theirs) in ground.visible_to(person.login)
        answer = await person.get(f"/staff/{other}/contact-methods")
        assert answer.status_code == ((200 if visible else 404) if manages else 403)
        await _keeps(ground, person, other, 404 if manages and not visible else 403)
    await _keeps(ground, person, mine, None)


async def _keeps(ground: Ground, person: Person, staff: str, refused: int | None) -> None:
    """Every write; `refused`: the status with which all of them are, None: they are done."""
    path = f"/staff/{staff}/contact-methods"
    await ground.service.write(
        "INSERT INTO contact_method (id, staff_id, channel, address)"
        " VALUES (gen_random_uuid(), %s, 'sms', '+8613800000000')"
        " ON CONFLICT (staff_id, channel, address) DO UPDATE SET removed_at = NULL, code_sent_at = NULL", staff,
    )  # fmt: skip
    method = ground.service.sql("SELECT id FROM contact_method WHERE staff_id = %s", staff)[0][0]
    answer = await person.post(path, {"channel": "pigeon", "address": "x"})
    assert answer.status_code == (refused or 422)
    for wanted, answer in (
        (200, await person.put(f"{path}/{method}", {"rank": 2, "wait_s": 10})),
        (202, await person.post(f"{path}/{method}/code")),
        (422, await person.post(f"{path}/{method}/verify", {"code": "000000"})),
        (204, await person.delete(f"{path}/{method}")),
    ):
        assert answer.status_code == (refused or wanted), (answer.request.url, answer.text)


async def _rests(_ground: Ground, person: Person) -> None:
    assert (await person.put("/me/quiet-hours", {"from": "22:00", "until": "07:00"})).status_code == 200
    assert (await person.get("/me/quiet-hours")).json() == {"from": "22:00", "until": "07:00"}
    assert (await person.delete("/me/quiet-hours")).json() == {"from": None, "until": None}


async def _is_pushed_to(_ground: Ground, person: Person) -> None:
    """One's own browser only, and nobody else's."""
    assert (await person.get("/me/push")).json() == {"public_key": None}
    subscription = {"endpoint": "https://push.example/x", "keys": {"p256dh": "B" * 87, "auth": "a" * 22}}
    assert (await person.post("/me/push", subscription)).status_code == 404
    assert (await person.get("/me/push/0192f0d1-9b10-7c5e-8f21-6a0d4c9e1b77")).status_code == 404


PERSON_PROBES: dict[str, Probe] = {
    "signIn": _signs_in,
    "signOut": _signs_out,
    "readMe": _reads_himself,
    **dict.fromkeys(("readPushKey", "subscribeToPush", "readPushSubscription"), _is_pushed_to),
    **dict.fromkeys(
        (
            "listContactMethods",
            "addContactMethod",
            "orderContactMethod",
            "removeContactMethod",
            "sendContactCode",
            "verifyContactMethod",
        ),
        _is_reached,
    ),
    **dict.fromkeys(("readQuietHours", "setQuietHours", "unsetQuietHours"), _rests),
}
