import { describe, expect, it } from "vitest";
import { exampleAlarm } from "./example";
import { byClosing, byUrgency } from "./urgency";

const order = (...alarms: Parameters<typeof exampleAlarm>[0][]): string[] =>
  alarms
    .map((change) => exampleAlarm(change))
    .sort(byUrgency)
    .map((alarm) => alarm.id);

describe("the order of the board", () => {
  it("puts priority before deadline", () => {
    expect(
      order(
        { id: "battery", priority: "work_order", deadline_at: "2026-11-22T03:00:00Z" },
        { id: "leak", priority: "urgent", deadline_at: "2026-11-22T03:30:00Z" },
        { id: "sos", priority: "life_critical", deadline_at: "2026-11-22T05:00:00Z" },
      ),
    ).toEqual(["sos", "leak", "battery"]);
  });

  it("puts a drill behind everything that is meant in earnest", () => {
    expect(
      order(
        { id: "drill", drill: true, deadline_at: "2026-11-22T03:00:00Z" },
        { id: "battery", priority: "work_order", deadline_at: "2026-11-22T09:00:00Z" },
      ),
    ).toEqual(["battery", "drill"]);
  });

  it("puts the nearest deadline first, and one that nothing will wake before all", () => {
    expect(
      order(
        { id: "later", deadline_at: "2026-11-22T04:02:00Z" },
        { id: "sooner", deadline_at: "2026-11-22T04:01:00+00:00" },
        { id: "stuck", deadline_at: null },
      ),
    ).toEqual(["stuck", "sooner", "later"]);
  });

  it("falls back to the older alarm, then to the id", () => {
    expect(order({ id: "c", raised_at: "2026-11-22T04:00:01Z" }, { id: "b" }, { id: "a" })).toEqual(["a", "b", "c"]);
  });

  it("lists closed alarms newest first", () => {
    const closed = ["2026-11-22T04:00:00Z", "2026-11-22T06:00:00Z", "2026-11-22T05:00:00Z"].map((closed_at) =>
      exampleAlarm({ id: closed_at, closed_at, state: "resolved" }),
    );
    expect(closed.sort(byClosing).map((alarm) => alarm.id.slice(11, 13))).toEqual(["06", "05", "04"]);
  });
});
