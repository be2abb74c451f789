import { Store } from "../app/store";
import { newKey, type Api } from "../http/api";
import type { ServerClock } from "../clock/server-clock";
import type { LineState } from "../live/line";
import type { Me } from "../session/me";
import { isOpen, isUnanswered, type Alarm } from "./alarm";
import { send, type Attempt, type MoveBody, type Result } from "./attempt";
import { responderChoices, shown, START, type BoardState, type Missed, type Tab } from "./board-state";
import { changesBy, LINGER_MS, openAlarms, tidied, withAlarm, withOpenList } from "./book";
import { likelyResponder, RESPONDER_MOVES, type Move } from "./moves";
import { byClosing } from "./urgency";

/** Kinds of notification that want somebody to move; the others (handled, resolved, ...) only inform. */
const CALLS: ReadonlySet<string> = new Set(["called", "repeated", "expired", "sent", "handed_back", "cancel_remark", "cleared_remark"]);

/** The on-call board: what is known, what is chosen, which moves are under way. Knows no views. */
export class Board extends Store<BoardState> {
  readonly me: Me;
  readonly clock: ServerClock;
  readonly #api: Api;
  readonly #monotonicMs: () => number;
  /** The last click on each alarm, for sending it again. */
  readonly #attempts = new Map<string, Attempt>();
  /** What was asked for while a move on that alarm was under way: the last word counts. */
  readonly #next = new Map<string, () => void>();

  constructor(api: Api, me: Me, clock: ServerClock, monotonicMs: () => number = () => performance.now()) {
    super(START);
    this.me = me;
    this.clock = clock;
    this.#api = api;
    this.#monotonicMs = monotonicMs;
  }

  // ---- what the live line says -------------------------------------------------------------------------------------

  /** The open list: replaces everything; what it changes is told if the line had been down. */
  opened(items: Alarm[], serverTime: string): void {
    const state = this.get();
    this.clock.restart(serverTime);
    const changes = changesBy(state.book, items);
    const book = withOpenList(state.book, items, this.#monotonicMs());
    const wasDown = state.loaded && state.line === "lost";
    const missed: Missed | null = wasDown
      ? {
          fromMs: state.missed?.fromMs ?? state.currentUntilMs ?? this.clock.nowMs(),
          toMs: this.clock.nowMs(),
          appeared: [...(state.missed?.appeared ?? []), ...changes.appeared.map((alarm) => alarm.id)],
          changed: [...(state.missed?.changed ?? []), ...changes.changed.map((alarm) => alarm.id)],
          left: [...(state.missed?.left ?? []), ...changes.left],
        }
      : state.missed;
    const first = changes.appeared[0];
    this.#change({ book, missed, loaded: true, ...(first ? { news: { kind: "new", alarm: first } } : {}) });
    this.#selectSomething();
    for (const id of changes.left.slice(0, 20)) void this.#lookUp(id);
  }

  changed(alarm: Alarm): void {
    const state = this.get();
    this.clock.hear(alarm.server_time);
    const before = state.book.alarms.get(alarm.id);
    const closed = { ...state.closed, items: closedWith(state.closed.items, alarm) };
    if (!before && this.#closedLongAgo(alarm)) return this.#change({ closed }); // a remark on an old one
    const book = withAlarm(state.book, alarm, this.#monotonicMs());
    if (book === state.book) return;
    const isTaken = before !== undefined && isUnanswered(before) && !isUnanswered(alarm);
    const calls = isOpen(alarm) && !isTaken ? state.calls : without(state.calls, alarm.id);
    this.#change({ book, calls, closed });
    if (isOpen(alarm) && !before) this.#change({ news: { kind: "new", alarm } });
    else if (before && alarm.repeats > before.repeats) this.#change({ news: { kind: "repeated", alarm } });
    this.#selectSomething();
  }

  /** The person here is told something about an alarm; only what asks for an answer is a call. */
  called(alarm: string, kind: string): void {
    if (!CALLS.has(kind)) return;
    const known = this.get().book.alarms.get(alarm);
    this.#change({ calls: new Set(this.get().calls).add(alarm) });
    if (known) this.#change({ news: { kind: "called", alarm: known } });
  }

  lineIs(line: LineState, silentForMs: number): void {
    const { line: before, currentUntilMs } = this.get();
    const good = before === "live" ? this.clock.nowMs() - silentForMs : currentUntilMs;
    this.#change({ line, currentUntilMs: line === "live" ? null : good });
  }

  seen(): void {
    this.#change({ missed: null });
  }

  /** To be called often: takes off what has lingered long enough. */
  tick(): void {
    const state = this.get();
    this.#change({ book: tidied(state.book, this.#monotonicMs(), state.selected.open) });
  }

  // ---- what the person here does -----------------------------------------------------------------------------------

  show(tab: Tab): void {
    this.#change({ tab });
    if (tab === "closed") void this.loadClosed();
    this.#selectSomething();
  }

  select(id: string): void {
    const { selected, tab } = this.get();
    if (selected[tab] !== id) this.#change({ selected: { ...selected, [tab]: id } });
  }

  selectNext(by: 1 | -1): void {
    const state = this.get();
    const ids = shown(state).map((alarm) => alarm.id);
    const at = ids.indexOf(state.selected[state.tab] ?? "");
    const next = ids[at < 0 ? 0 : Math.min(ids.length - 1, Math.max(0, at + by))];
    if (next) this.select(next);
  }

  /** The most urgent alarm that nobody has taken. */
  selectUnanswered(): void {
    const first = openAlarms(this.get().book).find(isUnanswered);
    if (!first) return;
    this.#change({ tab: "open" });
    this.select(first.id);
  }

  /** The first drill, of those that nobody has taken if there is one. */
  selectDrill(): void {
    const drills = openAlarms(this.get().book).filter((alarm) => alarm.drill);
    const first = drills.find(isUnanswered) ?? drills[0];
    if (!first) return;
    this.#change({ tab: "open" });
    this.select(first.id);
  }

  chooseResponder(alarm: string, staff: string): void {
    this.#change({ responders: new Map(this.get().responders).set(alarm, staff) });
  }

  responderFor(alarm: Alarm): string {
    const chosen = this.get().responders.get(alarm.id);
    const known = chosen === this.me.id || alarm.responses.some((response) => response.staff === chosen);
    return chosen !== undefined && known ? chosen : likelyResponder(alarm, this.me);
  }

  /** The next person for responder moves: oneself, then the people who were called. */
  nextResponder(alarm: Alarm): void {
    const people = responderChoices(alarm, this.me);
    const at = people.indexOf(this.responderFor(alarm));
    this.chooseResponder(alarm.id, people[(at + 1) % people.length] ?? this.me.id);
  }

  /** One click on a move. Does nothing while another one for the same alarm is under way. */
  move(alarm: Alarm, move: Move, extra: Pick<MoveBody, "note" | "outcome"> = {}): Promise<void> {
    const responder = this.responderFor(alarm);
    const body: MoveBody = {
      at: new Date(this.clock.nowMs()).toISOString(),
      step: alarm.step,
      ...(RESPONDER_MOVES.has(move) && responder !== this.me.id ? { responder } : {}),
      ...extra,
    };
    return this.#perform({ alarm: alarm.id, move, key: newKey(), body });
  }

  /**
   * Acts now, or once the move under way on this alarm is done: whoever knows the keys types faster than the line
   * answers. A move that fails takes what was to follow with it.
   */
  afterMove(alarm: string, act: () => void): void {
    if (this.get().underWay.has(alarm)) this.#next.set(alarm, act);
    else act();
  }

  /** The same click again, under the same key. */
  async retry(alarm: string): Promise<void> {
    const attempt = this.#attempts.get(alarm);
    if (attempt) await this.#perform(attempt);
  }

  /** Says by the row that a move is not possible now. */
  refuse(alarm: string, move: Move): void {
    this.#change({ trouble: new Map(this.get().trouble).set(alarm, { kind: "impossible", attempt: { alarm, move } }) });
  }

  dismissTrouble(alarm: string): void {
    this.#change({
      trouble: withoutKey(this.get().trouble, alarm),
      stale: withoutKey(this.get().stale, alarm),
    });
  }

  /** An alarm raised by hand here: on the board at once, and selected. */
  raised(alarm: Alarm): void {
    this.changed(alarm);
    this.#change({ tab: "open" });
    this.select(alarm.id);
  }

  async loadClosed(): Promise<void> {
    this.#change({ closed: { ...this.get().closed, state: "loading" } });
    try {
      const { items } = await this.#api.json<{ items: Alarm[] }>("/alarms?state=closed&limit=20");
      this.#change({ closed: { items, state: "ready" } });
      this.#selectSomething();
    } catch {
      this.#change({ closed: { ...this.get().closed, state: "failed" } });
    }
  }

  // ---- inside --------------------------------------------------------------------------------------------------------

  async #perform(attempt: Attempt): Promise<void> {
    const { alarm: id, move } = attempt;
    if (this.get().underWay.has(id)) return;
    this.#attempts.set(id, attempt);
    this.#change({
      underWay: new Map(this.get().underWay).set(id, move),
      trouble: withoutKey(this.get().trouble, id),
      stale: withoutKey(this.get().stale, id),
    });
    try {
      const result = await send(
        attempt,
        (one) => this.#post(one),
        (ms) => new Promise((done) => setTimeout(done, ms)),
      );
      this.#settle(attempt, result);
    } finally {
      this.#change({ underWay: withoutKey(this.get().underWay, id) });
      const next = this.#next.get(id);
      this.#next.delete(id);
      if (!this.get().trouble.has(id)) next?.();
    }
  }

  #settle(attempt: Attempt, result: Result): void {
    const { alarm: id, move } = attempt;
    if (result.kind === "signed_out") return;
    if (result.kind === "done") {
      if (move === "reopen" && isOpen(result.alarm)) this.raised(result.alarm);
      else this.changed(result.alarm);
      this.#change({ calls: without(this.get().calls, id) });
      if (result.stale) this.#change({ stale: new Map(this.get().stale).set(id, move) });
      return;
    }
    if (result.kind === "conflict" && result.alarm) this.changed(result.alarm);
    this.#change({ trouble: new Map(this.get().trouble).set(id, { ...result, attempt }) });
  }

  #post({ alarm, move, key, body }: Attempt): Promise<Alarm & { stale?: boolean }> {
    return this.#api.json(`/alarms/${alarm}/${move}`, { method: "POST", body, idempotencyKey: key });
  }

  /** What became of an alarm that was open before the line went down and is not any more. */
  async #lookUp(id: string): Promise<void> {
    try {
      this.changed(await this.#api.json<Alarm>(`/alarms/${id}`));
    } catch {
      // out of our branch, or no answer: the notice has counted it, and the closed list has the rest
    }
  }

  #closedLongAgo(alarm: Alarm): boolean {
    return alarm.closed_at !== null && this.clock.nowMs() - Date.parse(alarm.closed_at) > LINGER_MS;
  }

  /** The board is never without a selection while there is something to select. */
  #selectSomething(): void {
    const state = this.get();
    const list = shown(state);
    if (list.some((alarm) => alarm.id === state.selected[state.tab])) return;
    this.#change({ selected: { ...state.selected, [state.tab]: list[0]?.id ?? null } });
  }

  #change(part: Partial<BoardState>): void {
    const state = this.get();
    const same = (Object.keys(part) as (keyof BoardState)[]).every((key) => Object.is(state[key], part[key]));
    if (!same) this.set({ ...state, ...part });
  }
}

function closedWith(items: readonly Alarm[], alarm: Alarm): readonly Alarm[] {
  const others = items.filter((item) => item.id !== alarm.id);
  if (!isOpen(alarm)) return [alarm, ...others].sort(byClosing).slice(0, 20);
  return others.length === items.length ? items : others;
}

function without<T>(set: ReadonlySet<T>, value: T): ReadonlySet<T> {
  if (!set.has(value)) return set;
  const next = new Set(set);
  next.delete(value);
  return next;
}

function withoutKey<K, V>(map: ReadonlyMap<K, V>, key: K): ReadonlyMap<K, V> {
  if (!map.has(key)) return map;
  const next = new Map(map);
  next.delete(key);
  return next;
}
