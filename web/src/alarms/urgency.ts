import type { Alarm, Priority } from "./alarm";

const RANK: Record<Priority, number> = { life_critical: 0, urgent: 1, work_order: 2 };

/** Order of the board, for Array.sort: drills last, then priority, then the nearest deadline, then the older alarm. */
export function byUrgency(a: Alarm, b: Alarm): number {
  return (
    Number(a.drill) - Number(b.drill) ||
    (RANK[a.priority] ?? 0) - (RANK[b.priority] ?? 0) ||
    due(a) - due(b) ||
    Date.parse(a.raised_at) - Date.parse(b.raised_at) ||
    (a.id < b.id ? -1 : 1)
  );
}

/** An open alarm without a deadline is one that nothing will wake again: it comes first, not last. */
function due(alarm: Alarm): number {
  return alarm.deadline_at === null ? 0 : Date.parse(alarm.deadline_at);
}

/** Newest closed first. */
export function byClosing(a: Alarm, b: Alarm): number {
  return Date.parse(b.closed_at ?? b.raised_at) - Date.parse(a.closed_at ?? a.raised_at) || (a.id < b.id ? -1 : 1);
}
