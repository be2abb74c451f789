import { describe, expect, it } from "vitest";
import { exampleAlarm } from "../alarms/example";
import { ringFor } from "./ringing";

describe("the ringing", () => {
  it("is the siren until somebody takes a life-critical alarm, and again when it comes back", () => {
    expect(ringFor([exampleAlarm()], false)).toBe("siren");
    expect(ringFor([exampleAlarm({ state: "acknowledged" })], false)).toBeNull();
    expect(ringFor([exampleAlarm({ state: "raised", version: 9 })], false)).toBe("siren");
    expect(ringFor([exampleAlarm({ state: "cancelled" })], false)).toBeNull();
  });

  it("is the bell for what may still be cancelled or is only urgent, and nothing for a work order", () => {
    expect(ringFor([exampleAlarm({ kind: "fall", state: "suspected" })], false)).toBe("bell");
    expect(ringFor([exampleAlarm({ kind: "leak", priority: "urgent" })], false)).toBe("bell");
    expect(ringFor([exampleAlarm({ kind: "offline", priority: "work_order" })], false)).toBeNull();
  });

  it("keeps the siren for calls in earnest: a drill rings the bell, and drowns none of them", () => {
    expect(ringFor([exampleAlarm({ drill: true })], false)).toBe("bell");
    expect(ringFor([exampleAlarm({ drill: true }), exampleAlarm({ id: "real" })], false)).toBe("siren");
  });

  it("tells of the lost line before all else", () => {
    expect(ringFor([exampleAlarm()], true)).toBe("lost");
  });
});
