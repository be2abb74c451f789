import { describe, expect, it } from "vitest";
import { digits, secondsSince, secondsUntil, spanOf } from "./countdown";

const now = Date.parse("2026-11-22T04:00:00Z");

describe("countdown", () => {
  it("counts the seconds to the deadline and beyond it", () => {
    expect(secondsUntil("2026-11-22T04:00:47Z", now)).toBe(47);
    expect(secondsUntil("2026-11-22T04:00:46.100Z", now)).toBe(47);
    expect(secondsUntil("2026-11-22T04:00:00Z", now)).toBe(0);
    expect(secondsUntil("2026-11-22T03:59:55Z", now)).toBe(-5);
  });

  it("has nothing to count without a deadline, or with one nobody can read", () => {
    expect(secondsUntil(null, now)).toBeNull();
    expect(secondsUntil("soon", now)).toBeNull();
  });

  it("never says that something was raised in the future", () => {
    expect(secondsSince("2026-11-22T04:00:03Z", now)).toBe(0);
    expect(secondsSince("2026-11-22T03:58:30Z", now)).toBe(90);
  });

  it("shows plain seconds up to two minutes, then minutes, then hours", () => {
    expect(digits(47)).toBe("47");
    expect(digits(119)).toBe("119");
    expect(digits(120)).toBe("2:00");
    expect(digits(3_665)).toBe("1:01:05");
    expect(digits(-5)).toBe("5");
  });

  it("cuts a length of time into hours, minutes and seconds", () => {
    expect(spanOf(7_384)).toEqual({ hours: 2, minutes: 3, seconds: 4 });
  });
});
