import { describe, expect, it } from "vitest";
import { exampleAlarm } from "./example";
import { tallyOf } from "./tally";

describe("what the board's head counts", () => {
  it("counts drills apart: they turn nothing red", () => {
    const drills = [exampleAlarm({ id: "d", drill: true }), exampleAlarm({ id: "e", drill: true, state: "acknowledged" })];
    expect(tallyOf(drills)).toEqual({ open: 0, unanswered: 0, drills: 2 });
    const calls = [exampleAlarm({ id: "a" }), exampleAlarm({ id: "b", state: "suspected" }), exampleAlarm({ id: "c", state: "en_route" })];
    expect(tallyOf([...calls, ...drills])).toEqual({ open: 3, unanswered: 2, drills: 2 });
  });
});
