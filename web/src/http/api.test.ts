import { describe, expect, it } from "vitest";
import type { Session } from "../session/session";
import { Api, newKey } from "./api";
import { Refused, SignedOut, Unanswered } from "./problem";

class FakeSession {
  token = "old";
  refreshed = 0;
  signedOut: string[] = [];
  accessToken = (): Promise<string> => Promise.resolve(this.token);
  refresh = (): Promise<void> => {
    this.refreshed += 1;
    this.token = "new";
    return Promise.resolve();
  };
  signOut = (reason: string): void => void this.signedOut.push(reason);
}

function apiWith(answer: (headers: Headers, init: RequestInit) => Response | Promise<Response>) {
  const session = new FakeSession();
  const api = new Api(
    session as unknown as Session,
    ((_url, init) => Promise.resolve(answer(new Headers(init!.headers), init!))) as typeof fetch,
  );
  return { session, api };
}

describe("a call", () => {
  it("carries token, body and idempotency key", async () => {
    const seen: string[] = [];
    const { api } = apiWith((headers, init) => {
      seen.push(headers.get("Authorization")!, headers.get("Idempotency-Key")!, String(init.body));
      return Response.json({ ok: true });
    });
    expect(await api.json("/x", { method: "POST", body: { step: 1 }, idempotencyKey: "k" })).toEqual({ ok: true });
    expect(seen).toEqual(["Bearer old", "k", '{"step":1}']);
  });

  it("is repeated once with a fresh token", async () => {
    const { api, session } = apiWith((headers) =>
      headers.get("Authorization") === "Bearer new" ? Response.json(1) : new Response(null, { status: 401 }),
    );
    expect(await api.json("/x")).toBe(1);
    expect(session.refreshed).toBe(1);
  });

  it("ends the session when the fresh token is refused as well", async () => {
    const { api, session } = apiWith(() => new Response(null, { status: 401 }));
    await expect(api.json("/x")).rejects.toBeInstanceOf(SignedOut);
    expect(session.signedOut).toEqual(["ended"]);
  });

  it("tells a refusal from no answer", async () => {
    const refused = apiWith(() => Response.json({ detail: "Not yours.", alarm: { id: "a" } }, { status: 409 }));
    const error = await refused.api.json("/x").catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(Refused);
    expect(error).toMatchObject({ status: 409, message: "Not yours.", problem: { alarm: { id: "a" } } });
    const silent = apiWith(() => Promise.reject(new TypeError("unreachable")));
    await expect(silent.api.json("/x")).rejects.toBeInstanceOf(Unanswered);
    const cut = apiWith(() => new Response('{"half":'));
    await expect(cut.api.json("/x")).rejects.toBeInstanceOf(Unanswered);
  });
});

describe("an idempotency key", () => {
  it("is a version 4 UUID, another one each time", () => {
    const keys = Array.from({ length: 100 }, newKey);
    for (const key of keys)
      expect(key).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(new Set(keys).size).toBe(100);
  });
});
