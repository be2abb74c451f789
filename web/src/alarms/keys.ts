import { KEY_OF, MOVES, type Move } from "./moves";

/** What a key press on the board asks for. */
export type KeyAction =
  | { kind: "select"; by: 1 | -1 }
  | { kind: "move"; move: Move }
  | { kind: "raise" }
  | { kind: "help" }
  | { kind: "responder" }
  | { kind: "unanswered" }
  | { kind: "tabs" };

/** The part of a KeyboardEvent that matters. `typing`: the focus is in a field, or a dialog is open. */
export interface Press {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  repeat: boolean;
  isComposing: boolean;
  typing: boolean;
}

const MOVE_OF = new Map(MOVES.map((move) => [KEY_OF[move], move]));

/** Turns a key press into what it asks for; null where it belongs to the browser, a field or a dialog. */
export function actionOf(press: Press, singleKeys: boolean): KeyAction | null {
  if (press.typing || press.isComposing || press.ctrlKey || press.metaKey || press.altKey) return null;
  if (press.key === "ArrowDown") return { kind: "select", by: 1 };
  if (press.key === "ArrowUp") return { kind: "select", by: -1 };
  if (!singleKeys) return null;
  const key = press.key.toLowerCase();
  if (key === "j") return { kind: "select", by: 1 };
  if (key === "k") return { kind: "select", by: -1 };
  if (press.repeat) return null; // a key held down is one press
  if (key === "?") return { kind: "help" };
  if (key === "n") return { kind: "raise" };
  if (key === "p") return { kind: "responder" };
  if (key === "u") return { kind: "unanswered" };
  if (key === "t") return { kind: "tabs" };
  const move = MOVE_OF.get(key);
  return move ? { kind: "move", move } : null;
}
