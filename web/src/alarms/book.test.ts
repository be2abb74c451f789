import { describe, expect, it } from "vitest";
import { changesBy, EMPTY_BOOK, justClosed, LINGER_MS, openAlarms, tidied, withAlarm, withOpenList } from "./book";
import { exampleAlarm } from "./example";

const resolved = (id: string, version: number) =>
  exampleAlarm({ id, version, state: "resolved", outcome: "help_given", closed_at: "2026-11-22T04:05:00Z" });

describe("the book of alarms", () => {
  it("keeps the higher version, whatever the order in which they arrive", () => {
    const third = exampleAlarm({ version: 3, state: "en_route" });
    const book = withAlarm(withAlarm(EMPTY_BOOK, third, 0), exampleAlarm({ version: 2, state: "acknowledged" }), 0);
    expect(book.alarms.get("a1")).toBe(third);
    expect(withAlarm(book, exampleAlarm({ version: 3 }), 0)).toBe(book);
    expect(withAlarm(book, exampleAlarm({ version: 4, state: "on_scene" }), 0).alarms.get("a1")?.state).toBe(
      "on_scene",
    );
  });

  it("replaces everything that was open by the open list, and keeps what closed just now", () => {
    let book = withOpenList(EMPTY_BOOK, [exampleAlarm({ id: "a" }), exampleAlarm({ id: "b" })], 0);
    book = withAlarm(book, resolved("c", 5), 0);
    book = withOpenList(book, [exampleAlarm({ id: "b", version: 4 }), exampleAlarm({ id: "d" })], 0);
    expect(openAlarms(book).map((alarm) => [alarm.id, alarm.version])).toEqual([
      ["b", 4],
      ["d", 1],
    ]);
    expect(justClosed(book).map((alarm) => alarm.id)).toEqual(["c"]);
  });

  it("does not let an open list that was overtaken set an alarm back", () => {
    const book = withAlarm(EMPTY_BOOK, exampleAlarm({ version: 6, state: "on_scene" }), 0);
    expect(withOpenList(book, [exampleAlarm({ version: 5 })], 0).alarms.get("a1")?.state).toBe("on_scene");
  });

  it("does not bring back an alarm that left by an old message", () => {
    let book = withOpenList(EMPTY_BOOK, [exampleAlarm({ version: 5 })], 0);
    book = withOpenList(book, [], 0);
    expect(openAlarms(withAlarm(book, exampleAlarm({ version: 5 }), 0))).toEqual([]);
    expect(openAlarms(withAlarm(book, exampleAlarm({ version: 7 }), 0)).length).toBe(1); // reopened meanwhile
    expect(openAlarms(withOpenList(book, [exampleAlarm({ version: 5 })], 0)).length).toBe(1); // in our branch again
  });

  it("says what was missed", () => {
    const book = withOpenList(
      EMPTY_BOOK,
      [exampleAlarm({ id: "same" }), exampleAlarm({ id: "moved" }), exampleAlarm({ id: "left" })],
      0,
    );
    const changes = changesBy(book, [
      exampleAlarm({ id: "same" }),
      exampleAlarm({ id: "moved", version: 2 }),
      exampleAlarm({ id: "new" }),
    ]);
    expect(changes.appeared.map((alarm) => alarm.id)).toEqual(["new"]);
    expect(changes.changed.map((alarm) => alarm.id)).toEqual(["moved"]);
    expect(changes.left).toEqual(["left"]);
  });

  it("lets a closed alarm linger, then takes it off unless it is being looked at", () => {
    const book = withAlarm(withAlarm(EMPTY_BOOK, resolved("a", 2), 1_000), resolved("b", 2), 1_000);
    expect(tidied(book, 1_000 + LINGER_MS, null)).toBe(book);
    const later = tidied(book, 1_001 + LINGER_MS, "b");
    expect([...later.alarms.keys()]).toEqual(["b"]);
    expect(withAlarm(later, exampleAlarm({ id: "a", version: 1 }), 0)).toBe(later);
  });
});
