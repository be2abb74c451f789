import { beforeEach, describe, expect, it } from "vitest";
import { Refused, SignedOut, Unanswered } from "../http/problem";
import { Session } from "./session";

class MemoryStorage implements Storage {
  readonly #items = new Map<string, string>();
  get length(): number {
    return this.#items.size;
  }
  clear = (): void => this.#items.clear();
  getItem = (key: string): string | null => this.#items.get(key) ?? null;
  key = (index: number): string | null => [...this.#items.keys()][index] ?? null;
  removeItem = (key: string): void => void this.#items.delete(key);
  setItem = (key: string, value: string): void => void this.#items.set(key, value);
}

describe("a session", () => {
  let nowMs: number;
  let asked: Record<string, string>[];
  let answer: () => Response | Promise<Response>;
  let storage: Storage;
  let issued: number;
  let signedOut: string[];

  const tokens = (): Response => {
    issued += 1;
    return Response.json({ access_token: `a${issued}`, refresh_token: `r${issued}`, expires_in: 600 });
  };
  const start = (): Session =>
    new Session({
      fetch: (async (url: string, init?: RequestInit) => {
        if (url === "/api/v1/auth/sign-out") return signedOut.push(new Headers(init!.headers).get("Authorization")!);
        asked.push(Object.fromEntries(init!.body as URLSearchParams));
        return await answer();
      }) as unknown as typeof fetch,
      storage,
      nowMs: () => nowMs,
    });

  beforeEach(() => {
    nowMs = 1_000_000;
    asked = [];
    issued = 0;
    signedOut = [];
    answer = tokens;
    storage = new MemoryStorage();
  });

  it("signs in with login and password, and a reload of the tab stays signed in", async () => {
    const session = start();
    expect(session.get()).toEqual({ signedIn: false, reason: "first" });
    await session.signIn("operator", "secret");
    expect(asked).toEqual([{ grant_type: "password", username: "operator", password: "secret" }]);
    expect(start().get()).toEqual({ signedIn: true });
    expect(await start().accessToken()).toBe("a1");
  });

  it("stays at the form when the password is wrong", async () => {
    answer = () => Response.json({ title: "Wrong login or password", status: 401 }, { status: 401 });
    const session = start();
    await expect(session.signIn("operator", "wrong")).rejects.toBeInstanceOf(Refused);
    expect(session.get().signedIn).toBe(false);
  });

  it("refreshes before the token runs out, once although ticks are many", async () => {
    const session = start();
    await session.signIn("operator", "secret");
    nowMs += 470_000;
    session.tick();
    expect(asked.length).toBe(1);
    nowMs += 20_000;
    session.tick();
    session.tick();
    await session.refresh();
    expect(asked.slice(1)).toEqual([{ grant_type: "refresh_token", refresh_token: "r1" }]);
    expect(await session.accessToken()).toBe("a2");
  });

  it("refreshes an expired token on demand", async () => {
    const session = start();
    await session.signIn("operator", "secret");
    nowMs += 601_000;
    expect(await session.accessToken()).toBe("a2");
  });

  it("tells the server when somebody signs out", async () => {
    const session = start();
    await session.signIn("operator", "secret");
    session.signOut();
    expect(signedOut).toEqual(["Bearer a1"]);
    expect(start().get().signedIn).toBe(false);
  });

  it("does not refresh again for a token that has been replaced already", async () => {
    const session = start();
    await session.signIn("operator", "secret");
    await session.refresh("a1");
    await session.refresh("a1");
    expect(asked.length).toBe(2);
    expect(await session.accessToken()).toBe("a2");
  });

  it("ends, with the reason, when the refresh is refused", async () => {
    const session = start();
    await session.signIn("operator", "secret");
    answer = () => Response.json({ status: 401 }, { status: 401 });
    await expect(session.refresh()).rejects.toBeInstanceOf(SignedOut);
    expect(session.get()).toEqual({ signedIn: false, reason: "ended" });
    await expect(session.accessToken()).rejects.toBeInstanceOf(SignedOut);
  });

  it("survives a server that does not answer or that fails", async () => {
    const session = start();
    await session.signIn("operator", "secret");
    answer = () => Promise.reject(new TypeError("unreachable"));
    await expect(session.refresh()).rejects.toBeInstanceOf(Unanswered);
    answer = () => new Response("bad gateway", { status: 502 });
    await expect(session.refresh()).rejects.toBeInstanceOf(Refused);
    expect(session.get()).toEqual({ signedIn: true });
  });

  it("is not brought back to life by an answer that comes after the sign-out", async () => {
    const session = start();
    await session.signIn("operator", "secret");
    const refresh = session.refresh();
    session.signOut();
    await refresh;
    expect(session.get()).toEqual({ signedIn: false, reason: "by_hand" });
    await expect(session.accessToken()).rejects.toBeInstanceOf(SignedOut);
  });
});
