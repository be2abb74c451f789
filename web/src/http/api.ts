import type { Session } from "../session/session";
import { Refused, SignedOut, Unanswered } from "./problem";

const ANSWER_WITHIN_MS = 10_000;

export interface Call {
  method?: "GET" | "POST" | "DELETE";
  body?: unknown;
  /** Sent as Idempotency-Key: the same for every retry of the same click. */
  idempotencyKey?: string;
  lastEventId?: string;
  /** Replaces the time-out of 10 s. */
  signal?: AbortSignal;
}

/** The HTTP API as the signed-in person may use it. */
export class Api {
  readonly #session: Session;
  readonly #fetch: typeof fetch;

  constructor(session: Session, fetchWith: typeof fetch = fetch.bind(globalThis)) {
    this.#session = session;
    this.#fetch = fetchWith;
  }

  /** The JSON answer. Throws `Refused` (an error status), `Unanswered` (none came) or `SignedOut`. */
  async json<T>(path: string, call: Call = {}): Promise<T> {
    const response = await this.open(path, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS), ...call });
    if (!response.ok) throw await Refused.from(response);
    return await (response.json() as Promise<T>).catch(() => {
      throw new Unanswered(); // cut off in the middle
    });
  }

  /** The response itself, whatever its status; a token that has run out is refreshed once. */
  async open(path: string, call: Call = {}): Promise<Response> {
    const token = await this.#session.accessToken();
    const response = await this.#send(path, call, token);
    if (response.status !== 401) return response;
    await this.#session.refresh(token);
    const again = await this.#send(path, call, await this.#session.accessToken());
    if (again.status !== 401) return again;
    this.#session.signOut("ended");
    throw new SignedOut();
  }

  async #send(path: string, call: Call, token: string): Promise<Response> {
    const headers = new Headers({ Authorization: `Bearer ${token}` });
    if (call.body !== undefined) headers.set("Content-Type", "application/json");
    if (call.idempotencyKey) headers.set("Idempotency-Key", call.idempotencyKey);
    if (call.lastEventId) headers.set("Last-Event-ID", call.lastEventId);
    try {
      return await this.#fetch(`/api/v1${path}`, {
        method: call.method ?? "GET",
        headers,
        cache: "no-store",
        ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
        ...(call.signal ? { signal: call.signal } : {}),
      });
    } catch {
      throw new Unanswered();
    }
  }
}

/** Random version 4 UUID. `crypto.randomUUID` is missing where the page is served over plain HTTP by a local address. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
