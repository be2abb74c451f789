import { isUnanswered, type Alarm } from "./alarm";

export interface Tally {
  /** Meant in earnest. */
  open: number;
  /** Of these nobody has taken: what turns the board red. */
  unanswered: number;
  /** Open drills, which count for nothing else. */
  drills: number;
}

/** What the board's head counts of the open alarms. */
export function tallyOf(open: readonly Alarm[]): Tally {
  const earnest = open.filter((alarm) => !alarm.drill);
  return { open: earnest.length, unanswered: earnest.filter(isUnanswered).length, drills: open.length - earnest.length };
}
