import type { LineState } from "../live/line";
import type { Me } from "../session/me";
import type { Alarm } from "./alarm";
import type { Attempt, Result } from "./attempt";
import { EMPTY_BOOK, justClosed, openAlarms, type Book } from "./book";
import type { Move } from "./moves";

export type Tab = "open" | "closed";

/** What to say by an alarm's row about its last move: never more than the server has said. */
export type Trouble = (
  | Exclude<Result, { kind: "done" } | { kind: "signed_out" }>
  /** A key was pressed for a move that this alarm does not allow now; nothing was sent. */
  | { kind: "impossible" }
) & { attempt: Pick<Attempt, "alarm" | "move"> };

/** What happened while the line was down, until somebody has seen it. Times on the server's clock, milliseconds. */
export interface Missed {
  fromMs: number;
  toMs: number;
  appeared: readonly string[];
  changed: readonly string[];
  left: readonly string[];
}

export interface BoardState {
  book: Book;
  /** False until the first open list: an empty board means nothing before it. */
  loaded: boolean;
  line: LineState;
  /** When the line was last known to be good, server's clock; null if it never was. */
  currentUntilMs: number | null;
  missed: Missed | null;
  tab: Tab;
  selected: Readonly<Record<Tab, string | null>>;
  closed: { items: readonly Alarm[]; state: "loading" | "ready" | "failed" };
  underWay: ReadonlyMap<string, Move>;
  trouble: ReadonlyMap<string, Trouble>;
  /** Moves that counted although they answered an earlier step. */
  stale: ReadonlyMap<string, Move>;
  responders: ReadonlyMap<string, string>;
  /** Alarms to which the person here is being called, until he moves. */
  calls: ReadonlySet<string>;
  /** The last thing worth saying aloud; a new object each time. */
  news: { kind: "new" | "repeated" | "called"; alarm: Alarm } | null;
}

export const START: BoardState = {
  book: EMPTY_BOOK,
  loaded: false,
  line: "connecting",
  currentUntilMs: null,
  missed: null,
  tab: "open",
  selected: { open: null, closed: null },
  closed: { items: [], state: "loading" },
  underWay: new Map(),
  trouble: new Map(),
  stale: new Map(),
  responders: new Map(),
  calls: new Set(),
  news: null,
};

/** The alarms in the order in which the board shows them. */
export function shown(state: BoardState): Alarm[] {
  return state.tab === "open" ? [...openAlarms(state.book), ...justClosed(state.book)] : [...state.closed.items];
}

export function alarmOf(state: BoardState, id: string | null): Alarm | null {
  if (id === null) return null;
  return state.book.alarms.get(id) ?? state.closed.items.find((alarm) => alarm.id === id) ?? null;
}

export function selectedAlarm(state: BoardState): Alarm | null {
  return alarmOf(state, state.selected[state.tab]);
}

/** Whom responder moves can be made for: oneself first, then everybody who was called. */
export function responderChoices(alarm: Alarm, me: Me): string[] {
  return [me.id, ...alarm.responses.map((response) => response.staff).filter((staff) => staff !== me.id)];
}
