import { describe, expect, it } from "vitest";
import type { Api } from "../http/api";
import { Refused } from "../http/problem";
import { deliver, target } from "./deliver";
import type { PushMessage } from "./message";
import { Push, type PushBrowser } from "./push";

const SUBSCRIPTION = {
  toJSON: () => ({ endpoint: "https://push.example/x", keys: { p256dh: "p", auth: "a" } }),
  unsubscribe: () => Promise.resolve(true),
} as unknown as PushSubscription;

/** A server whose confirmation comes at the `confirmedAt`-th look, or never. */
function serverWith(confirmedAt: number, route = false) {
  const asked: string[] = [];
  let looks = 0;
  const state = () => {
    const confirmed = route || looks >= confirmedAt;
    return { id: "m", confirmed_at: confirmed ? new Date().toISOString() : null, route: confirmed };
  };
  const json = (path: string, call: { method?: string } = {}): Promise<unknown> => {
    asked.push(`${call.method ?? "GET"} ${path}`);
    if (path === "/me/push" && !call.method) return Promise.resolve({ public_key: "key" });
    if (path === "/me/push/m") looks += 1;
    return Promise.resolve(state());
  };
  const open = (path: string, call: { method?: string }) => {
    asked.push(`${call.method} ${path}`);
    return Promise.resolve(new Response(null, { status: 204 }));
  };
  return { api: { json, open } as unknown as Api, asked };
}

function browserWith(permission: NotificationPermission, answer = permission, there = false): PushBrowser {
  return {
    permission: () => permission,
    ask: () => Promise.resolve(answer),
    subscription: () => Promise.resolve(there ? SUBSCRIPTION : null),
    subscribe: () => Promise.resolve(SUBSCRIPTION),
  };
}

const at_once = (): Promise<void> => Promise.resolve();

describe("pushes to this browser", () => {
  it("are on once a test has come, and not before", async () => {
    const server = serverWith(2);
    const push = new Push(server.api, browserWith("default", "granted"), at_once);
    await push.start();
    expect(push.get()).toBe("off");
    const seen: string[] = [];
    push.subscribe(() => seen.push(push.get()));
    await push.turnOn();
    expect(seen).toEqual(["testing", "on"]);
    expect(server.asked).toEqual(["GET /me/push", "POST /me/push", "GET /me/push/m", "GET /me/push/m"]);
  });

  it("are called silent when no test comes", async () => {
    const push = new Push(serverWith(Infinity).api, browserWith("default", "granted"), at_once);
    await push.start();
    await push.turnOn();
    expect(push.get()).toBe("silent");
  });

  it("are blocked when the person or the browser says no", async () => {
    const push = new Push(serverWith(1).api, browserWith("default", "denied"), at_once);
    await push.start();
    await push.turnOn();
    expect(push.get()).toBe("blocked");
    const before = new Push(serverWith(1).api, browserWith("denied"), at_once);
    await before.start();
    expect(before.get()).toBe("blocked");
  });

  it("are taken up by whoever signs in, without a test where one came today", async () => {
    const server = serverWith(Infinity, true);
    const push = new Push(server.api, browserWith("granted", "granted", true), at_once);
    await push.start();
    expect(push.get()).toBe("on");
    expect(server.asked).toEqual(["GET /me/push", "POST /me/push"]);
    await push.turnOff("lin");
    expect([push.get(), server.asked.at(-1)]).toEqual(["off", "DELETE /staff/lin/contact-methods/m"]);
  });

  it("are unavailable where the installation has none, or the browser", async () => {
    const none = { json: () => Promise.resolve({ public_key: null }) } as unknown as Api;
    for (const push of [new Push(none, browserWith("granted")), new Push(serverWith(1).api, null)]) {
      await push.start();
      expect(push.get()).toBe("unavailable");
    }
  });

  it("are silent when the server refuses the browser's push service", async () => {
    const refusing = {
      json: (_: string, call: { method?: string } = {}) =>
        call.method
          ? Refused.from(Response.json({ detail: "No." }, { status: 422 })).then((error) => Promise.reject(error))
          : Promise.resolve({ public_key: "key" }),
    } as unknown as Api;
    const push = new Push(refusing, browserWith("default", "granted"), at_once);
    await push.start();
    await push.turnOn();
    expect(push.get()).toBe("silent");
  });
});

describe("a push", () => {
  const message: PushMessage = {
    kind: "called", title: "Fall: please go", body: "No. 7A11.", language: "en", tag: "alarm", urgent: true,
    path: "/a/TOKEN", receipt: "R",
  };

  it("is confirmed after it was shown, again where the line fails", async () => {
    const done: string[] = [];
    let failures = 1;
    await deliver(message, {
      show: (title, options) => (done.push(`show ${title} ${String(options.requireInteraction)}`), Promise.resolve()),
      fetch: (path, init) => {
        done.push(`${path} ${String(init.body)}`);
        return failures-- > 0 ? Promise.reject(new TypeError("no line")) : Promise.resolve(new Response("{}"));
      },
    });
    expect(done).toEqual([
      "show Fall: please go true",
      '/api/v1/push-receipts {"receipt":"R"}',
      '/api/v1/push-receipts {"receipt":"R"}',
    ]);
  });

  it("that could not be shown is not confirmed", async () => {
    let confirmed = 0;
    const failing = deliver(message, {
      show: () => Promise.reject(new TypeError("not allowed")),
      fetch: () => ((confirmed += 1), Promise.resolve(new Response("{}"))),
    });
    await expect(failing).rejects.toThrow("not allowed");
    expect(confirmed).toBe(0);
  });

  it("leads to our own pages only", () => {
    expect([target("/a/T"), target("//evil.example"), target("https://evil.example"), target(undefined)]).toEqual([
      "/a/T", "/", "/", "/",
    ]);
  });
});
