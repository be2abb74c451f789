import { describe, expect, it } from "vitest";
import { en } from "../i18n/en";
import { zh } from "../i18n/zh";
import type { AlarmEvent } from "./alarm";
import { eventActor, eventDetail, eventName } from "./event-words";
import { exampleAlarm, exampleResponse } from "./example";

const event = (type: string, data: Record<string, unknown> = {}): AlarmEvent => ({
  seq: 1,
  at: "2026-11-22T04:00:00Z",
  device_time: null,
  type,
  actor: { type: "staff", id: "op", name: "Lin Wei" },
  channel: "api",
  version: 2,
  data,
});

const alarm = exampleAlarm({ responses: [exampleResponse("p", "called"), exampleResponse("q", "called")] });

describe("the event log in words", () => {
  it("names what it knows, and shows what it does not know as it is written", () => {
    expect(eventName(event("no_one_on_call"), en)).toBe("nobody on call");
    expect(eventName(event("no_one_on_call"), zh)).toBe("无人值班");
    expect(eventName(event("drone_sent"), en)).toBe("drone sent");
    expect(eventActor({ ...event("raised"), actor: { type: "engine", id: null, name: null } }, en)).toBe("system");
  });

  it("tells step, people, outcome, refused move and note", () => {
    expect(
      eventDetail(event("paged", { step: 2, called: ["p", "q", "stranger"], targets: ["tier1"] }), alarm, en),
    ).toBe("step 2 · Caregiver p, Caregiver q");
    expect(eventDetail(event("accepted", { responder: "p" }), alarm, en)).toBe("Caregiver p");
    expect(eventDetail(event("resolved", { outcome: "false_alarm", note: "Cat" }), alarm, en)).toBe(
      "False alarm · Cat",
    );
    expect(eventDetail(event("move_refused", { move: "resolve", reason: "Closed." }), alarm, en)).toBe(
      "Resolve · Closed.",
    );
    expect(eventDetail(event("urged", { presses: 3, within_s: 30, brings: 2 }), alarm, en)).toBe("3 presses in 30 s");
    expect(eventDetail(event("movement_after_fall", { device: "h1-motion", type: "motion" }), alarm, zh)).toBe(
      "h1-motion",
    );
    expect(eventDetail(event("home_heard", { phrase: "help_is_coming" }), alarm, en)).toBe("Help is coming");
    expect(eventDetail(event("raised", { kind: "sos", late: false, note: null }), alarm, en)).toBe("");
  });
});
