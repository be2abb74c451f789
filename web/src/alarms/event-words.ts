import type { Dictionary } from "../i18n/en";
import type { AlarmEvent } from "./alarm";

/** An event's type in words; one that this page does not know yet, as it is written. */
export function eventName(event: AlarmEvent, words: Dictionary): string {
  return words.events.types[event.type] ?? event.type.replaceAll("_", " ");
}

/** What the event's data adds in words: outcome, people, step, note. */
export function eventDetail(event: AlarmEvent, words: Dictionary): string {
  const { data } = event;
  const parts: string[] = [];
  const outcome = data["outcome"];
  if (typeof outcome === "string") parts.push((words.outcomes as Record<string, string>)[outcome] ?? outcome);
  for (const key of ["name", "responder_name", "move", "note", "text"]) {
    const value = data[key];
    if (typeof value === "string" && value !== "") parts.push(value);
  }
  if (typeof data["step"] === "number" && data["step"] > 0) parts.push(words.card.step(data["step"]));
  return parts.join(" · ");
}
