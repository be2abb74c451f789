import { atDesk, type Me } from "../session/me";
import { isOpen, type Alarm, type Response, type ResponseState } from "./alarm";

/** Every move, in the order of an alarm's life; each is a path below /alarms/{id}/. */
export const MOVES = [
  "acknowledge",
  "accept",
  "en-route",
  "arrive",
  "leave",
  "resolve",
  "hand-back",
  "decline",
  "escalate",
  "reopen",
  "comment",
] as const;

export type Move = (typeof MOVES)[number];

/** The keys on the buttons. */
export const KEY_OF: Record<Move, string> = {
  acknowledge: "a",
  accept: "c",
  "en-route": "g",
  arrive: "r",
  leave: "l",
  resolve: "x",
  "hand-back": "h",
  decline: "d",
  escalate: "e",
  comment: "m",
  reopen: "o",
};

/** Moves that a person makes on the way to the resident; an operator may make them for somebody who telephones. */
export const RESPONDER_MOVES: ReadonlySet<Move> = new Set<Move>([
  "accept",
  "en-route",
  "arrive",
  "leave",
  "hand-back",
  "decline",
]);

/** Nobody goes to the door for a drill. */
const TO_THE_DOOR: ReadonlySet<Move> = new Set<Move>(["en-route", "arrive", "leave"]);

const ACTIVE: ReadonlySet<ResponseState> = new Set<ResponseState>(["accepted", "en_route", "arrived"]);

/**
 * The moves that `me` may make on this alarm now, responder moves on behalf of the person with the id `responder`.
 * Only a forecast that keeps useless buttons off the page: the server judges.
 */
export function permittedMoves(alarm: Alarm, me: Me, responder: string): Move[] {
  if (me.role === "supervisor") return [];
  const desk = atDesk(me);
  if (!isOpen(alarm)) return desk && !alarm.drill ? ["reopen", "comment"] : ["comment"];
  const own = responseOf(alarm, me.id)?.state ?? null;
  const moves = responderMoves(responseOf(alarm, responder));
  moves.add("comment");
  if (desk && !holds(alarm, me)) moves.add("acknowledge");
  if (desk && responder === me.id && holds(alarm, me)) moves.add("hand-back");
  if (desk) moves.add("escalate");
  if (desk || (me.role === "caregiver" && own !== null && ACTIVE.has(own))) moves.add("resolve");
  return MOVES.filter((move) => moves.has(move) && !(alarm.drill && TO_THE_DOOR.has(move)));
}

/**
 * The move that brings the alarm on, shown as the main button. That somebody who is overdue still comes pauses the
 * ladder, so it takes a choice.
 */
export function nextMove(moves: readonly Move[], responder: Response | null = null): Move | null {
  const onward: readonly Move[] = ["acknowledge", "accept", "en-route", "arrive", "resolve", "reopen"];
  return onward.find((move) => moves.includes(move) && !(move === "en-route" && responder?.overdue_at)) ?? null;
}

/**
 * For whom a responder move is meant if nothing is chosen: whoever is furthest on the way and not overdue, whoever is
 * overdue, else the person here.
 */
export function likelyResponder(alarm: Alarm, me: Me): string {
  const order: readonly ResponseState[] = ["arrived", "en_route", "accepted"];
  if (!atDesk(me)) return me.id;
  for (const state of order) {
    const found = alarm.responses.find((response) => response.state === state && !response.overdue_at);
    if (found) return found.staff;
  }
  return alarm.responses.find((response) => response.overdue_at)?.staff ?? me.id;
}

/** A move's label without the dots that announce a dialog. */
export function plainMove(label: string): string {
  return label.replace(/\s*…$/, "");
}

function responderMoves(response: Response | null): Set<Move> {
  switch (response?.state) {
    case "accepted":
      return new Set<Move>(["en-route", "arrive", "hand-back"]);
    case "en_route":
      return new Set<Move>([...(response.overdue_at ? (["en-route"] as const) : []), "arrive", "hand-back"]);
    case "arrived":
      return new Set<Move>(["leave", "hand-back"]);
    case "called":
      return new Set<Move>(["accept", "decline", "en-route", "arrive"]);
    default:
      return new Set<Move>(["accept", "en-route", "arrive"]);
  }
}

/** The desk has taken charge already, and it was this person. */
function holds(alarm: Alarm, me: Me): boolean {
  return (
    alarm.owner.type === "staff" && alarm.owner.id === me.id && alarm.state !== "raised" && alarm.state !== "suspected"
  );
}

/** Where this person stands with the alarm. */
export function responseOf(alarm: Alarm, staff: string): Response | null {
  return alarm.responses.find((response) => response.staff === staff) ?? null;
}
