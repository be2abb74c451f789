import { isOpen, type Alarm } from "./alarm";
import { byClosing, byUrgency } from "./urgency";

/** A closed alarm stays on the board this long, so that everybody sees how it ended. */
export const LINGER_MS = 120_000;

/**
 * The alarms that this page knows. Of each the highest version heard, whether it came by the stream, by a list or as
 * the answer to a move: these overtake one another.
 */
export interface Book {
  readonly alarms: ReadonlyMap<string, Alarm>;
  /** When a closed alarm came in, on the monotonic clock: it is taken off the board after `LINGER_MS`. */
  readonly closedAtMs: ReadonlyMap<string, number>;
  /** Highest version of alarms already taken off, so that an old message cannot bring one back as open. */
  readonly gone: ReadonlyMap<string, number>;
}

export const EMPTY_BOOK: Book = { alarms: new Map(), closedAtMs: new Map(), gone: new Map() };

/** What happened while the line was down. */
export interface Changes {
  appeared: Alarm[];
  changed: Alarm[];
  /** Open before, not in the new list: closed meanwhile, or no longer in this person's branch. */
  left: string[];
}

/** The book after one alarm was heard of; the same book if that was old news. */
export function withAlarm(book: Book, alarm: Alarm, nowMs: number): Book {
  const known = book.alarms.get(alarm.id)?.version ?? book.gone.get(alarm.id) ?? -1;
  if (alarm.version <= known) return book;
  const alarms = new Map(book.alarms).set(alarm.id, alarm);
  const closedAtMs = new Map(book.closedAtMs);
  if (isOpen(alarm)) closedAtMs.delete(alarm.id);
  else if (!closedAtMs.has(alarm.id)) closedAtMs.set(alarm.id, nowMs);
  return { alarms, closedAtMs, gone: book.gone };
}

/** The book after an open list, which replaces everything that was open; what has just closed still lingers. */
export function withOpenList(book: Book, items: readonly Alarm[], nowMs: number): Book {
  const listed = new Set(items.map((alarm) => alarm.id));
  const alarms = new Map<string, Alarm>();
  const gone = new Map(book.gone);
  for (const alarm of book.alarms.values()) {
    if (listed.has(alarm.id) || !isOpen(alarm)) alarms.set(alarm.id, alarm);
    else gone.set(alarm.id, alarm.version);
  }
  // Listed again in the version in which it left (rights that came back): the list is right, it is open.
  for (const alarm of items) if (gone.get(alarm.id) === alarm.version) gone.delete(alarm.id);
  const start: Book = { alarms, closedAtMs: book.closedAtMs, gone };
  return items.reduce((next, alarm) => withAlarm(next, alarm, nowMs), start);
}

/** What an open list brings that the book did not know. */
export function changesBy(book: Book, items: readonly Alarm[]): Changes {
  const listed = new Set(items.map((alarm) => alarm.id));
  const known = (alarm: Alarm): Alarm | undefined => book.alarms.get(alarm.id);
  return {
    appeared: items.filter((alarm) => !known(alarm)),
    changed: items.filter((alarm) => alarm.version > (known(alarm)?.version ?? alarm.version)),
    left: openAlarms(book)
      .filter((alarm) => !listed.has(alarm.id))
      .map((alarm) => alarm.id),
  };
}

/** Takes off what has lingered long enough; `keep` (the one being looked at) stays. */
export function tidied(book: Book, nowMs: number, keep: string | null): Book {
  const over = [...book.closedAtMs].filter(([id, at]) => nowMs - at > LINGER_MS && id !== keep).map(([id]) => id);
  if (over.length === 0) return book;
  const alarms = new Map(book.alarms);
  const closedAtMs = new Map(book.closedAtMs);
  const gone = new Map(book.gone);
  for (const id of over) {
    gone.set(id, alarms.get(id)?.version ?? 0);
    alarms.delete(id);
    closedAtMs.delete(id);
  }
  return { alarms, closedAtMs, gone };
}

const SORTED = new WeakMap<Book, readonly Alarm[]>();

/** The open alarms, most urgent first; sorted once for each state of the book, however many ask. */
export function openAlarms(book: Book): readonly Alarm[] {
  const sorted = SORTED.get(book) ?? [...book.alarms.values()].filter(isOpen).sort(byUrgency);
  SORTED.set(book, sorted);
  return sorted;
}

export function justClosed(book: Book): Alarm[] {
  return [...book.alarms.values()].filter((alarm) => !isOpen(alarm)).sort(byClosing);
}
