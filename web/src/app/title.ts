import { isUnanswered, type Alarm } from "../alarms/alarm";
import { kindName } from "../alarms/kind";
import { tallyOf } from "../alarms/tally";
import type { Dictionary } from "../i18n/en";
import type { LineState } from "../live/line";

/**
 * The document's title: what a desk with another tab in front must still see. `open` in the order of the board. A drill
 * is named where nothing is meant in earnest, and never counted.
 */
export function titleFor(open: readonly Alarm[], line: LineState, words: Dictionary): string {
  const plain = `${words.brand} · ${words.page}`;
  if (line === "lost") return `!! ${words.line.title} · ${words.brand}`;
  const first = open.find(isUnanswered);
  if (!first) return plain;
  const { unanswered } = tallyOf(open);
  return `${unanswered > 0 ? `(${unanswered}) ` : ""}${kindName(first, words)} · ${first.place.name}`;
}
