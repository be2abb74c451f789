type Listener = () => void;

/** The page's one heartbeat, four a second: countdowns, the watch over the live line, sounds and token refresh. */
export class Ticker {
  readonly #listeners = new Set<Listener>();
  readonly #stop: () => void;

  constructor() {
    const beat = (): void => this.#listeners.forEach((listener) => listener());
    try {
      const worker = new Worker(new URL("./ticker.worker.ts", import.meta.url), { type: "module" });
      worker.onmessage = beat;
      this.#stop = () => worker.terminate();
    } catch {
      const timer = setInterval(beat, 250); // no worker here: a hidden page will tick slower, a visible one will not
      this.#stop = () => clearInterval(timer);
    }
  }

  listen = (listener: Listener): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  stop(): void {
    this.#stop();
  }
}
