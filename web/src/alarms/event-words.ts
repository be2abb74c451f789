import type { Dictionary } from "../i18n/en";
import { plainMove, type Move } from "./moves";
import type { Alarm, AlarmEvent } from "./alarm";

/** An event's type in words; one that this page does not know yet, as it is written. */
export function eventName(event: AlarmEvent, words: Dictionary): string {
  return words.events.types[event.type] ?? event.type.replaceAll("_", " ");
}

/** Who did it: a name where there is one, else what kind of actor. */
export function eventActor(event: AlarmEvent, words: Dictionary): string {
  if (!event.actor) return "";
  return event.actor.name ?? words.events.actors[event.actor.type] ?? event.actor.type;
}

/** What the event's data adds in words: move, outcome, step, people (by the alarm's responses), reason, note. */
export function eventDetail(event: AlarmEvent, alarm: Alarm, words: Dictionary): string {
  const { data } = event;
  const nameOf = (staff: unknown): string | null =>
    alarm.responses.find((response) => response.staff === staff)?.name ?? null;
  const called = Array.isArray(data["called"]) ? data["called"].map(nameOf).filter((name) => name !== null) : [];
  const responder = data["responder"] === event.actor?.id ? null : nameOf(data["responder"]);
  const parts = [
    text(data["move"], (move) => (move in words.moves ? plainMove(words.moves[move as Move]) : move)),
    text(data["outcome"], (outcome) => (words.outcomes as Record<string, string>)[outcome] ?? outcome),
    typeof data["step"] === "number" ? words.card.step(data["step"]) : null,
    typeof data["presses"] === "number" ? words.events.presses(data["presses"], Number(data["within_s"])) : null,
    responder,
    called.length > 0 ? called.join(", ") : null,
    text(data["phrase"], (phrase) => words.events.phrases[phrase] ?? phrase),
    text(data["finding"], (finding) => words.events.findings[finding] ?? finding),
    text(data["news"], (news) => words.events.phrases[news] ?? news),
    text(data["device"]),
    text(data["reference"]),
    text(data["reason"], (reason) => words.events.reasons[reason] ?? reason),
    text(data["note"]),
  ];
  return parts.filter((part) => part !== null).join(" · ");
}

function text(value: unknown, say: (value: string) => string = (same) => same): string | null {
  return typeof value === "string" && value !== "" ? say(value) : null;
}
