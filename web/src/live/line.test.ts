import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LiveLine, SILENCE_MS, type LineState } from "./line";
import type { SseEvent } from "./sse";

/** A server whose connections the test holds in its hand. */
class FakeServer {
  connections: { lastEventId: string; send: (text: string) => void; close: () => void; signal: AbortSignal }[] = [];
  refuse = false;

  connect = (lastEventId: string, signal: AbortSignal): Promise<Response> => {
    if (this.refuse) return Promise.reject(new TypeError("unreachable"));
    const encoder = new TextEncoder();
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        signal.addEventListener("abort", () => controller.error(new DOMException("aborted", "AbortError")));
        this.connections.push({
          lastEventId,
          signal,
          send: (text) => controller.enqueue(encoder.encode(text)),
          close: () => controller.close(),
        });
      },
    });
    return Promise.resolve(new Response(body));
  };

  get last() {
    return this.connections[this.connections.length - 1]!;
  }
}

describe("the live line", () => {
  let server: FakeServer;
  let states: LineState[];
  let events: SseEvent[];
  let ended: string[];
  let line: LiveLine;

  beforeEach(() => {
    vi.useFakeTimers();
    server = new FakeServer();
    states = [];
    events = [];
    ended = [];
    line = new LiveLine({
      connect: server.connect,
      onEvent: (event) => events.push(event),
      onState: (state) => states.push(state),
      onEnd: (reason) => Promise.resolve(void ended.push(reason)),
      everyTick: (listener) => {
        const timer = setInterval(listener, 250);
        return () => clearInterval(timer);
      },
      monotonicMs: () => Date.now(),
      random: () => 1,
    });
    line.start();
  });

  afterEach(() => {
    line.stop();
    vi.useRealTimers();
  });

  const open = async (): Promise<void> => {
    await vi.advanceTimersByTimeAsync(0);
    server.last.send('event: open\ndata: {"items": []}\n\n');
    await vi.advanceTimersByTimeAsync(0);
  };

  it("is live only once the open list is here", async () => {
    await vi.advanceTimersByTimeAsync(0);
    server.last.send(": beat\n\n");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(states).toEqual([]);
    await open();
    expect(states).toEqual(["live"]);
  });

  it("is lost the moment the stream breaks, and comes back with the last event's id", async () => {
    await open();
    server.last.send("id: 41\nevent: alarm\ndata: {}\n\n");
    await vi.advanceTimersByTimeAsync(0);
    server.last.close();
    await vi.advanceTimersByTimeAsync(0);
    expect(states).toEqual(["live", "lost"]);
    await vi.advanceTimersByTimeAsync(500);
    expect(server.connections.map((connection) => connection.lastEventId)).toEqual(["", "41"]);
    await open();
    expect(states).toEqual(["live", "lost", "live"]);
  });

  it("is lost after 12 s of silence although nothing has broken, and not while beats arrive", async () => {
    await open();
    for (let beat = 0; beat < 5; beat++) {
      await vi.advanceTimersByTimeAsync(5_000);
      server.last.send(": beat\n\n");
      await vi.advanceTimersByTimeAsync(0);
    }
    expect(states).toEqual(["live"]);
    await vi.advanceTimersByTimeAsync(SILENCE_MS + 250);
    expect(states).toEqual(["live", "lost"]);
    expect(server.connections[0]!.signal.aborted).toBe(true);
  });

  it("is lost at once when the browser is offline, and does not wait out the pause when it is back", async () => {
    await open();
    server.refuse = true;
    line.offline();
    expect(states).toEqual(["live", "lost"]);
    await vi.advanceTimersByTimeAsync(30_000);
    server.refuse = false;
    line.online();
    await open();
    expect(states).toEqual(["live", "lost", "live"]);
  });

  it("gives up a connection that never delivers its open list", async () => {
    await vi.advanceTimersByTimeAsync(2_750);
    expect(states).toEqual(["lost"]);
    await vi.advanceTimersByTimeAsync(8_000);
    expect(server.connections.length).toBe(2);
    await open();
    expect(states).toEqual(["lost", "live"]);
  });

  it("reconnects without alarm when the server ends the stream with the token", async () => {
    await open();
    server.last.send('event: end\ndata: {"reason": "token"}\n\n');
    await open();
    expect(ended).toEqual(['{"reason": "token"}']);
    expect(states).toEqual(["live", "connecting", "live"]);
    expect(server.connections.length).toBe(2);
  });

  it("calls a planned reconnect lost when it takes too long", async () => {
    await open();
    server.refuse = true;
    server.last.send('event: end\ndata: {"reason": "token"}\n\n');
    await vi.advanceTimersByTimeAsync(0);
    expect(states).toEqual(["live", "connecting", "lost"]);
  });

  it("says nothing more once it is stopped", async () => {
    await open();
    line.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(states).toEqual(["live"]);
    expect(server.connections.length).toBe(1);
  });
});
