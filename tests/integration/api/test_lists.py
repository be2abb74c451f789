"""Lists in order, page by page, and complete."""

import json

from api_service import Service

_MORE = """
    WITH made AS (
        INSERT INTO alarm (id, kind, priority, state, area_code, station_id, home_id, merge_key, raised_at, happened_at,
                           policy, why, closed_at, outcome)
        SELECT gen_random_uuid(), 'sos', n %% 3, CASE WHEN n %% 2 = 0 THEN 'raised' ELSE 'resolved' END, area_code,
               station_id, id, 'k' || n, now(), now(), '{}',
               '{"code": "pressed", "text": {"en": "Pressed", "zh": "按"}}',
               CASE WHEN n %% 2 = 1 THEN date_trunc('hour', now()) - (n / 4) * interval '1 min' END,
               CASE WHEN n %% 2 = 1 THEN 'test' END
        FROM home, generate_series(1, 240) AS n WHERE id = %s
        RETURNING id, closed_at, merge_key
    )
    INSERT INTO deadline (kind, subject, alarm_id, due_at)
    SELECT 'alarm', id::text, id, date_trunc('hour', now()) + (hashtext(merge_key) %% 5) * interval '1 min'
    FROM made WHERE closed_at IS NULL
"""


async def test_the_board_is_by_urgency_and_its_pages_make_up_the_whole(service: Service) -> None:
    await service.write(_MORE, service.home())
    operator = await service.person("operator")
    whole = (await operator.get("/alarms", limit=500)).json()
    assert len(whole["items"]) == 120
    assert whole["next"] is None
    ranks = {"life_critical": 0, "urgent": 1, "work_order": 2}
    keys = [(ranks[item["priority"]], item["deadline_at"], item["id"]) for item in whole["items"]]
    assert keys == sorted(keys)
    assert [item["id"] for item in await _pages(operator, "open", 7)] == [item["id"] for item in whole["items"]]


async def test_what_is_over_comes_newest_first(service: Service) -> None:
    await service.write(_MORE, service.home())
    operator = await service.person("operator")
    items = await _pages(operator, "closed", 11)
    assert len({item["id"] for item in items}) == len(items) == 120
    times = [item["closed_at"] for item in items]
    assert times == sorted(times, reverse=True)
    answer = await operator.get("/alarms", state="closed", limit=11)
    other = await operator.get("/alarms", state="open", cursor=answer.json()["next"])
    assert other.status_code == 422, "a cursor belongs to its list"


async def test_an_incident_lists_the_alarm_of_every_home_open_and_closed(service: Service) -> None:
    incident = await service.raised(kind="leak")
    await service.write(_MORE, service.home())
    await service.write("UPDATE alarm SET incident_id = %s WHERE priority > 0 AND id <> %s", incident, incident)
    operator = await service.person("operator")
    seen: list[str] = []
    cursor: str | None = None
    while not seen or cursor is not None:
        more = {} if cursor is None else {"cursor": cursor}
        page = (await operator.get(f"/alarms/{incident}/members", limit=23, **more)).json()
        assert all(item["incident"] == incident for item in page["items"])
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
    assert len(seen) == len(set(seen)) == 160
    assert {item["state"] for item in page["items"]} == {"raised", "resolved"}
    assert (await operator.get(f"/alarms/{seen[0]}/members")).json() == {"items": [], "next": None}


async def test_an_alarms_events_come_page_by_page(service: Service) -> None:
    alarm = await service.raised()
    operator = await service.person("operator")
    for number in range(8):
        await operator.move(alarm, "comment", note=str(number))
    seen: list[int] = []
    cursor = "0"
    while cursor is not None:
        page = (await operator.get(f"/alarms/{alarm}/events", limit=4, cursor=cursor)).json()
        seen += [event["seq"] for event in page["items"]]
        cursor = page["next"]
    assert len(seen) == 9
    assert seen == sorted(seen)


async def test_list_one_and_stream_show_the_same_object(service: Service) -> None:
    alarm = await service.raised()
    operator = await service.person("operator")
    listed = (await operator.get("/alarms")).json()["items"][0]
    read = await operator.alarm(alarm)
    async with operator.live() as stream:
        event = await stream.next()
    assert event is not None
    streamed = event.data["items"][0]
    texts = {json.dumps({**one, "server_time": None}, sort_keys=True) for one in (listed, read, streamed)}
    assert len(texts) == 1


async def _pages(operator, state: str, limit: int):
    items, cursor = [], None
    while True:
        query = {"state": state, "limit": limit} | ({"cursor": cursor} if cursor else {})
        page = (await operator.get("/alarms", **query)).json()
        items += page["items"]
        cursor = page["next"]
        if cursor is None:
            return items
