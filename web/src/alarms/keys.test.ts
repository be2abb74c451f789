import { describe, expect, it } from "vitest";
import { actionOf, type Press } from "./keys";
import { KEY_OF, MOVES } from "./moves";

const press = (key: string, change: Partial<Press> = {}): Press => ({
  key,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  repeat: false,
  isComposing: false,
  typing: false,
  ...change,
});

describe("the keys of the board", () => {
  it("make the moves that stand on the buttons, with the shift lock on as well", () => {
    for (const move of MOVES) {
      expect(actionOf(press(KEY_OF[move]), true)).toEqual({ kind: "move", move });
      expect(actionOf(press(KEY_OF[move].toUpperCase()), true)).toEqual({ kind: "move", move });
    }
  });

  it("select by j and k or by arrows, also while held down", () => {
    expect(actionOf(press("j", { repeat: true }), true)).toEqual({ kind: "select", by: 1 });
    expect(actionOf(press("ArrowUp", { repeat: true }), true)).toEqual({ kind: "select", by: -1 });
  });

  it("leave copying, typing and composing alone", () => {
    expect(actionOf(press("c", { ctrlKey: true }), true)).toBeNull();
    expect(actionOf(press("a", { typing: true }), true)).toBeNull();
    expect(actionOf(press("a", { isComposing: true }), true)).toBeNull();
    expect(actionOf(press("F5"), true)).toBeNull();
  });

  it("make one move for one press, however long it lasts", () => {
    expect(actionOf(press("e", { repeat: true }), true)).toBeNull();
  });

  it("can be switched off, all but the arrows", () => {
    expect(actionOf(press("a"), false)).toBeNull();
    expect(actionOf(press("j"), false)).toBeNull();
    expect(actionOf(press("ArrowDown"), false)).toEqual({ kind: "select", by: 1 });
  });
});
