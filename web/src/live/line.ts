import { pauseMs } from "./backoff";
import { SseParser, type SseEvent } from "./sse";

/** Silence after which the line is dead: the server beats every 5 s at the latest, so two beats have been missed. */
export const SILENCE_MS = 12_000;
/** A connection that has not delivered its open list after this long is given up and tried again. */
const CONNECT_MS = 8_000;
/** How long a planned reconnect (an expired token) or the very first connect may take before the board calls it lost. */
const GRACE_MS = 2_500;

/**
 * `connecting`: the first connect, or a planned reconnect. `live`: the open list is here and beats arrive.
 * `lost`: what the board shows may be wrong.
 */
export type LineState = "connecting" | "live" | "lost";

export interface LineParts {
  /** Opens the stream; resolves with its response, rejects when unreachable or aborted. */
  connect: (lastEventId: string, signal: AbortSignal) => Promise<Response>;
  /** An event arrived. `open` makes the line live after this has returned. */
  onEvent: (event: SseEvent) => void;
  onState: (state: LineState) => void;
  /** The server ended the stream by itself (`event: end`): resolves once it is worth connecting again. */
  onEnd: (reason: string) => Promise<void>;
  /** Something arrived, be it only a beat. */
  onHeard?: () => void;
  /** Calls back several times a second until the returned function is called. */
  everyTick: (listener: () => void) => () => void;
  monotonicMs?: () => number;
  random?: () => number;
}

/**
 * The live line to the server: keeps one stream open for as long as the page is there, and knows at every moment
 * whether the board is current. Each connect begins with the open list, so nothing can be missed in between.
 */
export class LiveLine {
  readonly #parts: LineParts;
  readonly #now: () => number;
  #state: LineState = "connecting";
  #lastEventId = "";
  #heardMs: number;
  #connectSinceMs: number;
  #attempt: AbortController | null = null;
  #failures = 0;
  #stopped = false;
  #wake: () => void = () => undefined;
  #stopTick: () => void = () => undefined;

  constructor(parts: LineParts) {
    this.#parts = parts;
    this.#now = parts.monotonicMs ?? (() => performance.now());
    this.#heardMs = this.#connectSinceMs = this.#now();
  }

  start(): void {
    this.#stopTick = this.#parts.everyTick(() => this.#watch());
    void this.#run();
  }

  stop(): void {
    this.#stopped = true;
    this.#stopTick();
    this.#attempt?.abort();
    this.#wake();
  }

  /** The browser says that it has no network: believed at once. */
  offline(): void {
    this.#lose();
  }

  /** The network is back: no reason to sit out the pause. */
  online(): void {
    this.#failures = 0;
    this.#wake();
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      this.#attempt = new AbortController();
      this.#connectSinceMs = this.#now();
      const planned = await this.#stream(this.#attempt.signal).catch(() => false);
      if (this.#stopped) return;
      if (planned) continue;
      this.#lose();
      await this.#pause(pauseMs(this.#failures++, this.#parts.random?.()));
    }
  }

  /** One connection from its request to its end; true if the server announced that end. */
  async #stream(signal: AbortSignal): Promise<boolean> {
    const response = await this.#parts.connect(this.#lastEventId, signal);
    if (!response.ok || !response.body) return false;
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    const parser = new SseParser();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || signal.aborted) return false;
      this.#heardMs = this.#now();
      this.#parts.onHeard?.();
      for (const event of parser.push(decoder.decode(value, { stream: true }))) {
        if (event.type === "end") return await this.#ended(event);
        // Before the event is handled: one that cannot be read must not be asked for again at every reconnect.
        this.#lastEventId = event.id || this.#lastEventId;
        this.#parts.onEvent(event);
        if (event.type === "open") this.#becomeLive();
      }
    }
  }

  async #ended(event: SseEvent): Promise<boolean> {
    const live = this.#state === "live";
    this.#attempt?.abort();
    if (live) this.#set("connecting");
    this.#connectSinceMs = this.#now();
    await this.#parts.onEnd(event.data);
    return live; // a server that ends every stream before it opens is not hammered without a pause
  }

  /** Runs on every tick, so a dead line is noticed even when nothing at all happens. */
  #watch(): void {
    const now = this.#now();
    if (this.#state === "live") {
      if (now - this.#heardMs > SILENCE_MS) this.#lose();
      return;
    }
    if (this.#state === "connecting" && now - this.#connectSinceMs > GRACE_MS) this.#set("lost");
    if (this.#attempt && !this.#attempt.signal.aborted && now - this.#connectSinceMs > CONNECT_MS)
      this.#attempt.abort();
  }

  #becomeLive(): void {
    this.#failures = 0;
    this.#set("live");
  }

  #lose(): void {
    this.#attempt?.abort();
    this.#set("lost");
  }

  #set(state: LineState): void {
    if (this.#stopped || state === this.#state) return;
    this.#state = state;
    this.#parts.onState(state);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
