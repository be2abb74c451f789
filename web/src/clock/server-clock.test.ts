import { describe, expect, it } from "vitest";
import { ServerClock } from "./server-clock";

describe("the server's clock", () => {
  it("runs on by the monotonic clock, whatever the browser's clock says", () => {
    let monotonic = 1_000;
    const clock = new ServerClock(() => monotonic);
    clock.hear("2026-11-22T04:00:00Z");
    monotonic += 2_500;
    expect(new Date(clock.nowMs()).toISOString()).toBe("2026-11-22T04:00:02.500Z");
  });

  it("is not set back by an answer that travelled long", () => {
    let monotonic = 0;
    const clock = new ServerClock(() => monotonic);
    clock.hear("2026-11-22T04:00:00Z");
    monotonic = 5_000;
    clock.hear("2026-11-22T04:00:01Z"); // read at :01 on the server, four seconds under way
    expect(new Date(clock.nowMs()).toISOString()).toBe("2026-11-22T04:00:05.000Z");
  });

  it("follows a clock that was shifted ahead", () => {
    const clock = new ServerClock(() => 0);
    clock.hear("2026-11-22T04:00:00Z");
    clock.hear("2026-11-22T05:00:00Z");
    expect(new Date(clock.nowMs()).toISOString()).toBe("2026-11-22T05:00:00.000Z");
  });

  it("starts afresh with each connection, and keeps what it knew when told nonsense", () => {
    const clock = new ServerClock(() => 0);
    clock.hear("2026-11-22T05:00:00Z");
    clock.restart("2026-11-22T04:00:00Z");
    expect(new Date(clock.nowMs()).toISOString()).toBe("2026-11-22T04:00:00.000Z");
    clock.restart("no time at all");
    expect(new Date(clock.nowMs()).toISOString()).toBe("2026-11-22T04:00:00.000Z");
  });
});
