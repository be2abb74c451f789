import { beforeEach, describe, expect, it } from "vitest";
import { ServerClock } from "../clock/server-clock";
import type { Api, Call } from "../http/api";
import { Refused, Unanswered } from "../http/problem";
import type { Me } from "../session/me";
import type { Alarm } from "./alarm";
import { Board } from "./board";
import { selectedAlarm, shown } from "./board-state";
import { LINGER_MS } from "./book";
import { exampleAlarm, exampleResponse } from "./example";

const me: Me = {
  id: "me",
  login: "operator",
  name: "Lin Wei",
  role: "operator",
  area: "350102000000",
  area_name: "Gulou",
};
const NOW = "2026-11-22T04:00:10Z";

describe("the board", () => {
  let monotonic: number;
  let calls: { path: string; call: Call }[];
  let answers: Map<string, () => unknown>;
  let board: Board;

  const open = (...items: Alarm[]): void => board.opened(items, NOW);
  const ids = (): string[] => shown(board.get()).map((alarm) => alarm.id);
  const selected = (): string | undefined => selectedAlarm(board.get())?.id;

  beforeEach(() => {
    monotonic = 1_000;
    calls = [];
    answers = new Map();
    const api = {
      json: async (path: string, call: Call = {}) => {
        calls.push({ path, call });
        const answer = answers.get(path)?.();
        if (answer instanceof Error) throw answer;
        return answer;
      },
    } as unknown as Api;
    board = new Board(api, me, new ServerClock(() => monotonic), () => monotonic);
    board.lineIs("live", 0);
  });

  it("shows the most urgent first and keeps the selection on its alarm when the order changes", () => {
    const first = exampleAlarm({ id: "first", deadline_at: "2026-11-22T04:01:00Z" });
    const second = exampleAlarm({ id: "second", deadline_at: "2026-11-22T04:02:00Z" });
    open(first, second);
    expect(ids()).toEqual(["first", "second"]);
    expect(selected()).toBe("first");
    board.changed({ ...first, version: 2, deadline_at: "2026-11-22T04:09:00Z" });
    expect(ids()).toEqual(["second", "first"]);
    expect(selected()).toBe("first");
    board.selectNext(-1);
    expect(selected()).toBe("second");
    board.selectNext(-1);
    expect(selected()).toBe("second");
  });

  it("keeps a closed alarm in sight for a while, the selected one until another is selected", () => {
    open(exampleAlarm({ id: "a" }), exampleAlarm({ id: "b", deadline_at: "2026-11-22T04:02:00Z" }));
    board.changed(exampleAlarm({ id: "a", version: 2, state: "resolved", outcome: "test", closed_at: NOW }));
    expect(ids()).toEqual(["b", "a"]);
    monotonic += LINGER_MS + 1;
    board.tick();
    expect(ids()).toEqual(["b", "a"]);
    board.select("b");
    board.tick();
    expect(ids()).toEqual(["b"]);
  });

  it("tells what happened while the line was down, and looks up what is gone", async () => {
    open(exampleAlarm({ id: "a" }), exampleAlarm({ id: "b" }));
    expect(board.get().missed).toBeNull();
    board.lineIs("lost", 12_000);
    answers.set("/alarms/a", () =>
      exampleAlarm({ id: "a", version: 5, state: "resolved", outcome: "test", closed_at: NOW }),
    );
    open(exampleAlarm({ id: "b", version: 2 }), exampleAlarm({ id: "c" }));
    board.lineIs("live", 0);
    await Promise.resolve();
    await Promise.resolve();
    expect(board.get().missed).toMatchObject({ appeared: ["c"], changed: ["b"], left: ["a"] });
    expect(ids()).toEqual(["b", "c", "a"]);
    board.seen();
    expect(board.get().missed).toBeNull();
  });

  it("says since when it is not current: since the last beat, not since it was noticed", () => {
    open();
    monotonic += 30_000;
    board.lineIs("lost", 12_000);
    expect(new Date(board.get().currentUntilMs!).toISOString()).toBe("2026-11-22T04:00:28.000Z");
    board.lineIs("connecting", 20_000);
    board.lineIs("lost", 20_000);
    expect(new Date(board.get().currentUntilMs!).toISOString()).toBe("2026-11-22T04:00:28.000Z");
  });

  it("sends a move with step, time and key, for the chosen person", async () => {
    const alarm = exampleAlarm({ step: 2, responses: [exampleResponse("p", "called")] });
    open(alarm);
    answers.set("/alarms/a1/accept", () => ({ ...alarm, version: 2, state: "acknowledged", stale: false }));
    board.chooseResponder("a1", "p");
    await board.move(alarm, "accept");
    expect(calls[0]!.call.body).toEqual({ at: "2026-11-22T04:00:10.000Z", step: 2, responder: "p" });
    expect(calls[0]!.call.idempotencyKey).toMatch(/^[0-9a-f-]{36}$/);
    expect(selectedAlarm(board.get())?.state).toBe("acknowledged");
    expect(board.get().underWay.size).toBe(0);
  });

  it("makes one move at a time on an alarm", async () => {
    open(exampleAlarm());
    let answer: (alarm: unknown) => void = () => undefined;
    answers.set("/alarms/a1/acknowledge", () => new Promise((resolve) => (answer = resolve)));
    const first = board.move(exampleAlarm(), "acknowledge");
    await board.move(exampleAlarm(), "escalate");
    expect(board.get().underWay.get("a1")).toBe("acknowledge");
    expect(calls.length).toBe(1);
    answer(exampleAlarm({ version: 2, state: "acknowledged" }));
    await first;
    expect(board.get().underWay.size).toBe(0);
  });

  it("keeps the last key pressed while a move is under way until that is done", async () => {
    open(exampleAlarm());
    let answer: (alarm: unknown) => void = () => undefined;
    answers.set("/alarms/a1/accept", () => new Promise((resolve) => (answer = resolve)));
    const first = board.move(exampleAlarm(), "accept");
    const acted: string[] = [];
    board.afterMove("a1", () => acted.push("left out"));
    board.afterMove("a1", () => acted.push(`${selectedAlarm(board.get())?.version}`));
    expect(acted).toEqual([]);
    answer(exampleAlarm({ version: 2, state: "acknowledged" }));
    await first;
    expect(acted).toEqual(["2"]);
    board.afterMove("a1", () => acted.push("at once"));
    expect(acted).toEqual(["2", "at once"]);
  });

  it("drops what was to follow a move that failed", async () => {
    open(exampleAlarm());
    answers.set("/alarms/a1/accept", () => new Refused(403, { detail: "No." }));
    const first = board.move(exampleAlarm(), "accept");
    const acted: string[] = [];
    board.afterMove("a1", () => acted.push("followed"));
    await first;
    answers.set("/alarms/a1/decline", () => exampleAlarm({ version: 2 }));
    await board.move(exampleAlarm(), "decline");
    expect(acted).toEqual([]);
  });

  it("never shows a refused move as done, and takes over the state that a conflict brings", async () => {
    open(exampleAlarm());
    answers.set("/alarms/a1/escalate", () => new Refused(403, { detail: "No." }));
    await board.move(exampleAlarm(), "escalate");
    expect(selectedAlarm(board.get())?.version).toBe(1);
    expect(board.get().trouble.get("a1")).toMatchObject({ kind: "refused", status: 403 });
    const now = exampleAlarm({ version: 7, state: "on_scene" });
    answers.set("/alarms/a1/decline", () => new Refused(409, { alarm: now }));
    await board.move(exampleAlarm(), "decline");
    expect(selectedAlarm(board.get())).toBe(now);
    expect(board.get().trouble.get("a1")).toMatchObject({ kind: "conflict", alarm: now });
  });

  it("sends the same click again under the same key", async () => {
    open(exampleAlarm());
    answers.set("/alarms/a1/escalate", () => new Refused(500, {}));
    await board.move(exampleAlarm(), "escalate");
    answers.set("/alarms/a1/escalate", () => exampleAlarm({ version: 2, step: 2 }));
    await board.retry("a1");
    expect(calls.map((one) => one.call.idempotencyKey)).toEqual([
      calls[0]!.call.idempotencyKey,
      calls[0]!.call.idempotencyKey,
    ]);
    expect(calls[1]!.call.body).toEqual(calls[0]!.call.body);
    expect(board.get().trouble.size).toBe(0);
  });

  it("marks an alarm to which this person is called until somebody takes it", () => {
    open(exampleAlarm());
    board.called("a1", "handled");
    expect(board.get().calls.has("a1")).toBe(false);
    board.called("a1", "called");
    expect(board.get().calls.has("a1")).toBe(true);
    board.changed(exampleAlarm({ version: 2, state: "acknowledged" }));
    expect(board.get().calls.has("a1")).toBe(false);
  });

  it("announces new alarms and further presses, each once", () => {
    open();
    board.changed(exampleAlarm());
    expect(board.get().news).toMatchObject({ kind: "new", alarm: { id: "a1" } });
    const news = board.get().news;
    board.changed(exampleAlarm({ version: 2, state: "acknowledged" }));
    expect(board.get().news).toBe(news);
    board.changed(exampleAlarm({ version: 3, repeats: 1 }));
    expect(board.get().news).toMatchObject({ kind: "repeated", alarm: { repeats: 1 } });
  });

  it("lists what closed recently, and brings a reopened alarm back in front", async () => {
    const closed = exampleAlarm({
      id: "old",
      version: 4,
      state: "resolved",
      outcome: "test",
      closed_at: "2026-11-22T01:00:00Z",
    });
    answers.set("/alarms?state=closed&limit=20", () => ({ items: [closed] }));
    open(exampleAlarm({ id: "other" }));
    board.show("closed");
    await Promise.resolve();
    await Promise.resolve();
    expect(ids()).toEqual(["old"]);
    expect(selected()).toBe("old");
    answers.set("/alarms/old/reopen", () => ({
      ...closed,
      version: 5,
      state: "raised",
      closed_at: null,
      outcome: null,
    }));
    await board.move(closed, "reopen");
    expect(board.get().tab).toBe("open");
    expect(selected()).toBe("old");
    expect(board.get().closed.items).toEqual([]);
  });

  it("says when the closed list could not be loaded", async () => {
    answers.set("/alarms?state=closed&limit=20", () => new Unanswered());
    await board.loadClosed();
    expect(board.get().closed.state).toBe("failed");
  });
});
