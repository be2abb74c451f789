import type { Alarm, Response, ResponseState } from "./alarm";

/** An alarm for tests: a raised SOS, changed as the test needs it. */
export function exampleAlarm(change: Partial<Alarm> = {}): Alarm {
  return {
    id: "a1",
    version: 1,
    kind: "sos",
    priority: "life_critical",
    state: "raised",
    owner: { type: "station", id: "s1", name: "Gulou station" },
    raised_at: "2026-11-22T04:00:00Z",
    happened_at: "2026-11-22T04:00:00Z",
    late: false,
    drill: false,
    test_expected: false,
    home: "h1",
    resident: "r1",
    place: { name: "Home 1", address: "1 Wushan Road", area: "350102001001", area_name: "Wushan", time_zone: "Asia/Shanghai", station: "Gulou" },
    resident_name: "Chen Xiuying",
    device: "h0001-button",
    deadline_at: "2026-11-22T04:01:00Z",
    step: 1,
    exhausted: false,
    last_resort_at: null,
    last_resorts: 0,
    responses: [],
    repeats: 0,
    last_repeat_at: null,
    urged_at: null,
    devices: [{ id: "h0001-button", since: "2026-11-22T04:00:00Z", over_at: null }],
    suspicion: null,
    why: { code: "pressed", text: { en: "The button was pressed.", zh: "按下了呼叫按钮。" } },
    outcome: null,
    note: null,
    reference: null,
    closed_at: null,
    incident: null,
    server_time: "2026-11-22T04:00:00Z",
    ...change,
  };
}

export function exampleResponse(staff: string, state: ResponseState): Response {
  return {
    staff,
    name: `Caregiver ${staff}`,
    state,
    called_at: "2026-11-22T04:00:01Z",
    accepted_at: null,
    en_route_at: null,
    overdue_at: null,
    arrived_at: null,
    left_at: null,
  };
}
