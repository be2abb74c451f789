/** Whole seconds until `deadline` on the server's clock, rounded up; negative once it has passed; null without one. */
export function secondsUntil(deadline: string | null, serverNowMs: number): number | null {
  if (deadline === null) return null;
  const ms = Date.parse(deadline) - serverNowMs;
  return Number.isNaN(ms) ? null : Math.ceil(ms / 1000) || 0;
}

/** Whole seconds since `moment`, never negative (a device's clock may run ahead). */
export function secondsSince(moment: string, serverNowMs: number): number {
  return Math.max(0, Math.floor((serverNowMs - Date.parse(moment)) / 1000));
}

/** A length of time cut into what a person says: `{hours, minutes, seconds}`, all whole and not negative. */
export interface Span {
  hours: number;
  minutes: number;
  seconds: number;
}

export function spanOf(seconds: number): Span {
  const whole = Math.abs(Math.trunc(seconds));
  return { hours: Math.floor(whole / 3600), minutes: Math.floor((whole % 3600) / 60), seconds: whole % 60 };
}

/** Digits for a countdown: `47`, `3:05`, `2:03:05`. Up to two minutes plain seconds, as the desk thinks in them. */
export function digits(seconds: number): string {
  const { hours, minutes, seconds: rest } = spanOf(seconds);
  const two = (n: number): string => String(n).padStart(2, "0");
  if (hours > 0) return `${hours}:${two(minutes)}:${two(rest)}`;
  const total = minutes * 60 + rest;
  return total < 120 ? String(total) : `${minutes}:${two(rest)}`;
}
