import { describe, expect, it } from "vitest";
import { explainEn } from "../i18n/explain-en";
import { explainZh } from "../i18n/explain-zh";
import type { Evidence } from "./alarm";
import { evidenceDevice, evidenceWords, figuresOf } from "./explanation-words";

const still = {
  code: "inactivity",
  text: { en: "No activity.", zh: "无活动。" },
  hours: 4.613,
  usual_hours: 2.1,
  limit_hours: 4.2,
  days: 46,
};

const door: Evidence = {
  at: "2026-11-22T04:00:00Z",
  device_id: "h1-door",
  name: "Front door",
  room: "entrance",
  type: "door",
  value: 1,
  message_id: "1",
};

describe("why an alarm was raised", () => {
  it("tells what was expected and what was seen apart", () => {
    expect(figuresOf(still, "expected", explainEn)).toEqual([
      "usually at most 2.1 h",
      "limit 4.2 h",
      "learned over 46 days",
    ]);
    expect(figuresOf(still, "seen", explainEn)).toEqual(["for 4.61 h"]);
    expect(figuresOf(still, "seen", explainZh)).toEqual(["已持续 4.61 小时"]);
  });

  it("finds figures that stand under their side", () => {
    const low = { code: "battery_low", text: still.text, expected: { above_percent: 20 }, observed: { percent: 7 } };
    expect(figuresOf(low, "expected", explainEn)).toEqual(["above 20 %"]);
    expect(figuresOf(low, "seen", explainEn)).toEqual(["charge 7 %"]);
    const gone = { code: "mains_lost", text: still.text, expected: { back_within_s: 60 }, observed: { mains: false } };
    expect(figuresOf(gone, "seen", explainEn)).toEqual(["mains no"]);
  });

  it("leaves out what it has no name for", () => {
    expect(figuresOf({ code: "x", text: still.text, newer: 3, days: "many" }, "seen", explainEn)).toEqual([]);
  });

  it("says what a device said, and where it is", () => {
    expect(evidenceWords(door, explainEn)).toBe("opened");
    expect(evidenceWords({ ...door, value: false }, explainZh)).toBe("关闭");
    expect(evidenceWords({ ...door, type: "heart_rate", value: 131 }, explainEn)).toBe("heart rate 131");
    expect(evidenceWords({ ...door, type: "new_thing", value: null }, explainEn)).toBe("new thing");
    expect(evidenceDevice(door, explainEn)).toBe("entrance · Front door");
    expect(evidenceDevice({ ...door, name: null, room: null }, explainEn)).toBe("h1-door");
  });

  it("has a word in both languages for everything", () => {
    for (const part of ["expectedFigures", "seenFigures", "types", "figures", "rooms", "units"] as const) {
      expect(Object.keys(explainZh[part])).toEqual(Object.keys(explainEn[part]));
    }
  });
});
