import { isOpen, isUnanswered, type Alarm } from "../alarms/alarm";

/** What sounds without a pause while it is true; `lost` is the broken line, louder than any one alarm. */
export type Ring = "lost" | "siren" | "bell" | null;

/**
 * The siren for a life-critical alarm that nobody has taken; the bell for an urgent one, and for a fall that the wearer
 * may still cancel. Work orders ring once when they come in, and not through the night. A drill rings the bell at most:
 * whoever hears the siren must know that somebody has called.
 */
export function ringFor(alarms: readonly Alarm[], lineLost: boolean): Ring {
  if (lineLost) return "lost";
  const waiting = alarms.filter((alarm) => isOpen(alarm) && isUnanswered(alarm));
  const isCritical = (alarm: Alarm): boolean => alarm.priority === "life_critical" && alarm.state === "raised";
  if (waiting.some((alarm) => isCritical(alarm) && !alarm.drill)) return "siren";
  return waiting.some((alarm) => alarm.priority !== "work_order") ? "bell" : null;
}
