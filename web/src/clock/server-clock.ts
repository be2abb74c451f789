/**
 * The database's clock, as this page can know it.
 *
 * Every alarm object carries `server_time`. Added to the browser's monotonic clock since it was received, it tells how
 * late it is on the server without trusting the clock of the desk's computer. An answer that travelled long makes
 * the estimate late, never early, so the greatest estimate heard is the nearest to the truth.
 */
export class ServerClock {
  #offsetMs: number | null = null;
  readonly #monotonicMs: () => number;

  constructor(monotonicMs: () => number = () => performance.now()) {
    this.#monotonicMs = monotonicMs;
  }

  /** Takes one `server_time` (RFC 3339) that was received just now. */
  hear(serverTime: string): void {
    const offset = Date.parse(serverTime) - this.#monotonicMs();
    if (Number.isNaN(offset)) return;
    if (this.#offsetMs === null || offset > this.#offsetMs) this.#offsetMs = offset;
  }

  /** Forgets what it knew: each connection starts afresh, so a drift or a restored database does not stay for good. */
  restart(serverTime: string): void {
    const before = this.#offsetMs;
    this.#offsetMs = null;
    this.hear(serverTime);
    this.#offsetMs ??= before;
  }

  /** Milliseconds since the epoch on the server's clock; the browser's own clock until the server has been heard. */
  nowMs(): number {
    return this.#offsetMs === null ? Date.now() : this.#offsetMs + this.#monotonicMs();
  }
}
