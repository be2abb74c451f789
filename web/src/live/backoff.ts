/** Pause before reconnect number `attempt` (0, 1, ...), in milliseconds: 0.5 s doubling up to 5 s, the upper half random
 * so that the desks of a city do not all come back in the same instant. */
export function pauseMs(attempt: number, random: number = Math.random()): number {
  const full = Math.min(5_000, 500 * 2 ** Math.min(attempt, 10));
  return Math.max(500, full / 2 + (full / 2) * random);
}
