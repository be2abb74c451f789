import { isUnanswered, type Alarm } from "../alarms/alarm";
import { kindName } from "../alarms/kind";
import type { Dictionary } from "../i18n/en";
import type { LineState } from "../live/line";

/** The document's title: what a desk with another tab in front must still see. `open` in the order of the board. */
export function titleFor(open: readonly Alarm[], line: LineState, words: Dictionary): string {
  const plain = `${words.brand} · ${words.page}`;
  if (line === "lost") return `!! ${words.line.title} · ${words.brand}`;
  const waiting = open.filter(isUnanswered);
  const first = waiting[0];
  if (!first) return plain;
  return `(${waiting.length}) ${kindName(first, words)} · ${first.place.name}`;
}
