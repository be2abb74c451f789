import { describe, expect, it } from "vitest";
import { pauseMs } from "./backoff";

describe("the pause before a reconnect", () => {
  it("starts at half a second, grows, and never exceeds five seconds", () => {
    expect([0, 1, 2, 3, 4, 50].map((n) => pauseMs(n, 1))).toEqual([500, 1_000, 2_000, 4_000, 5_000, 5_000]);
  });

  it("spreads the desks over the upper half", () => {
    expect(pauseMs(4, 0)).toBe(2_500);
    expect(pauseMs(0, 0)).toBe(500);
  });
});
