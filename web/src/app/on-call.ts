import type { Alarm } from "../alarms/alarm";
import { Board } from "../alarms/board";
import { openAlarms } from "../alarms/book";
import { ServerClock } from "../clock/server-clock";
import type { Ticker } from "../clock/ticker";
import { Api } from "../http/api";
import type { LanguageChoice } from "../i18n/language";
import { LiveLine } from "../live/line";
import type { SseEvent } from "../live/sse";
import type { Me } from "../session/me";
import type { Session } from "../session/session";
import { ringFor } from "../sound/ringing";
import type { Siren } from "../sound/siren";
import { titleFor } from "./title";

export interface OnCallParts {
  session: Session;
  ticker: Ticker;
  siren: Siren;
  language: LanguageChoice;
}

/** One signed-in turn of duty: the board, its live line, its voice and its title, wired together. */
export class OnCall {
  readonly board: Board;
  readonly api: Api;
  readonly clock = new ServerClock();
  readonly #parts: OnCallParts;
  readonly #line: LiveLine;
  #heardMs = performance.now();
  #lineToken = "";
  #stops: (() => void)[] = [];

  constructor(me: Me, api: Api, parts: OnCallParts) {
    this.#parts = parts;
    this.api = api;
    this.board = new Board(api, me, this.clock);
    this.#line = new LiveLine({
      connect: (lastEventId, signal) => this.#connect(lastEventId, signal),
      onEvent: (event) => this.#take(event),
      onState: (state) => this.board.lineIs(state, performance.now() - this.#heardMs),
      // The token or the rights have ended: only a fresh token tells which, and a refused one leads to the form.
      onEnd: () => parts.session.refresh(this.#lineToken).catch(() => undefined),
      onHeard: () => (this.#heardMs = performance.now()),
      everyTick: parts.ticker.listen,
    });
  }

  start(): void {
    const { session, siren, ticker, language } = this.#parts;
    const offline = (): void => this.#line.offline();
    const online = (): void => this.#line.online();
    addEventListener("offline", offline);
    addEventListener("online", online);
    this.#stops = [
      () => removeEventListener("offline", offline),
      () => removeEventListener("online", online),
      this.board.subscribe(() => this.#show()),
      language.subscribe(() => this.#show()),
      ticker.listen(() => {
        session.tick();
        siren.tick();
        this.board.tick();
      }),
      this.#voiceOfNews(),
    ];
    this.#line.start();
    this.#show();
  }

  stop(): void {
    this.#line.stop();
    for (const stop of this.#stops) stop();
    this.#parts.siren.ring(null);
    document.title = this.#parts.language.words().brand;
  }

  async #connect(lastEventId: string, signal: AbortSignal): Promise<Response> {
    this.#lineToken = await this.#parts.session.accessToken();
    return this.api.open("/live", { lastEventId, signal });
  }

  #take(event: SseEvent): void {
    if (event.type === "open") {
      const { items, server_time } = JSON.parse(event.data) as { items: Alarm[]; server_time: string };
      this.board.opened(items, server_time);
    } else if (event.type === "alarm") {
      this.board.changed(JSON.parse(event.data) as Alarm);
    } else if (event.type === "call") {
      const call = JSON.parse(event.data) as { alarm: string; kind: string };
      this.board.called(call.alarm, call.kind);
    }
  }

  /** What is seen and heard even when nobody looks at the page. */
  #show(): void {
    const { book, line } = this.board.get();
    const open = openAlarms(book);
    this.#parts.siren.ring(ringFor(open, line === "lost"));
    const title = titleFor(open, line, this.#parts.language.words());
    if (document.title !== title) document.title = title;
  }

  /** A single sound for news that does not ring by itself: a work order, another press, a call to this very person. */
  #voiceOfNews(): () => void {
    let last = this.board.get().news;
    return this.board.subscribe(() => {
      const { news } = this.board.get();
      if (news === last) return;
      last = news;
      if (news) this.#parts.siren.once(news.kind === "called" ? "call" : "bell");
    });
  }
}
