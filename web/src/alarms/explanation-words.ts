import type { Dictionary } from "../i18n/en";
import type { Alarm, Evidence } from "./alarm";

type Explain = Dictionary["explain"];
/** Signs that are the same in every language. */
const SIGNS: Record<string, string> = { percent: "%", v: "V" };

type Side = "expectedFigures" | "seenFigures";

/** The figures behind an alarm's reason that this page has a name for, as `name value unit`. */
export function figuresOf(why: Alarm["why"], side: "expected" | "seen", words: Explain): string[] {
  const named = side === "expected" ? why["expected"] : why["observed"];
  const figures = { ...why, ...(isObject(named) ? named : {}) };
  const names = words[(side + "Figures") as Side];
  const found = Object.keys(names).flatMap((key) => {
    if (key === "days" && why["usual_hours"] !== undefined) return []; // the days that were learned from
    const shown = figureOf(key, figures[key], words);
    return shown === null ? [] : [`${names[key]} ${shown}`];
  });
  const days = why["days"];
  if (side === "expected" && why["usual_hours"] !== undefined && typeof days === "number") {
    found.push(words.learnedDays(days));
  }
  return found;
}

function figureOf(key: string, value: unknown, words: Explain): string | null {
  if (typeof value === "boolean") return value ? words.yes : words.no;
  if (typeof value !== "number") return null;
  const last = key.split("_").pop()!;
  const unit = SIGNS[last] ?? words.units[last];
  const number = String(Math.round(value * 100) / 100);
  return unit === undefined ? number : `${number} ${unit}`;
}

/** What a device said, in words: its state, or its figure. */
export function evidenceWords(one: Evidence, words: Explain): string {
  const states = words.types[one.type];
  if (states && (one.value === true || one.value === 1)) return states[0];
  if (states && (one.value === false || one.value === 0)) return states[1];
  const name = words.figures[one.type] ?? one.type.replaceAll("_", " ");
  return one.value === null || typeof one.value === "boolean" ? name : `${name} ${one.value}`;
}

/** Which device it was, and where it is. */
export function evidenceDevice(one: Evidence, words: Explain): string {
  const room = one.room ? words.rooms[one.room] : undefined;
  return [room, one.name ?? one.device_id].filter((part) => part !== undefined).join(" · ");
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
