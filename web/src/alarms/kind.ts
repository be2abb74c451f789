import type { Dictionary } from "../i18n/en";
import type { Alarm } from "./alarm";

/** The alarm's kind in words; of a drill they say so first. */
export function kindName(alarm: Alarm, words: Dictionary): string {
  const kind = words.kinds[alarm.kind] ?? alarm.kind;
  return alarm.drill ? words.drill.named(kind) : kind;
}
