import { describe, expect, it } from "vitest";
import { en } from "./en";
import { clockTime, firstLanguage, timeAtHome } from "./language";
import { zh } from "./zh";

/** Every sentence of a dictionary with its path; functions are called with stand-ins of the right kind. */
function sentences(node: unknown, path: string): [string, string][] {
  if (typeof node === "string") return [[path, node]];
  if (typeof node === "function") {
    if (path === ".visits.from") return [[path, String(node("3", null))]]; // with an end it is figures only
    const standIns = path === ".span" ? [{ hours: 0, minutes: 3, seconds: 4 }] : [3, 3, 3];
    return [[path, String((node as (...args: unknown[]) => unknown)(...standIns))]];
  }
  return Object.entries(node as object).flatMap(([key, value]) => sentences(value, `${path}.${key}`));
}

describe("the dictionaries", () => {
  const english = sentences(en, "");
  const chinese = sentences(zh, "");

  it("say the same things", () => {
    expect(chinese.map(([path]) => path).sort()).toEqual(english.map(([path]) => path).sort());
    for (const [path, sentence] of [...english, ...chinese]) expect(sentence, path).not.toBe("");
  });

  it("are each in their own language", () => {
    const both = [".brand", ".otherLanguage"];
    for (const [path, sentence] of chinese) if (!both.includes(path)) expect(sentence, path).toMatch(/\p{Script=Han}/u);
    for (const [path, sentence] of english)
      if (!both.includes(path)) expect(sentence, path).not.toMatch(/\p{Script=Han}/u);
  });

  it("use what they are given", () => {
    expect(en.card.repeats(3)).toBe("pressed 3 times");
    expect(zh.card.repeats(3)).toBe("已按 3 次");
    expect(en.line.backNew(1)).toBe("1 new alarm");
    expect(en.span({ hours: 49, minutes: 0, seconds: 0 })).toBe("2 days");
  });
});

describe("the first language", () => {
  it("is the remembered one, else the browser's, else Chinese", () => {
    expect(firstLanguage("en", ["zh-CN"])).toBe("en");
    expect(firstLanguage(null, ["fr", "zh-TW", "en"])).toBe("zh");
    expect(firstLanguage("xx", ["en-US"])).toBe("en");
    expect(firstLanguage(null, ["fr"])).toBe("zh");
  });
});

describe("a time at home", () => {
  it("says whose clock it is by where the desk's shows another time", () => {
    const moment = "2026-11-22T04:00:00Z";
    const desk = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const shown = (zone: string): string => timeAtHome(moment, Date.parse(moment), "en", zone, en);
    expect(shown(desk)).toBe(clockTime(moment));
    const elsewhere = clockTime(moment, "Asia/Kathmandu") === clockTime(moment) ? "Asia/Shanghai" : "Asia/Kathmandu";
    expect(shown(elsewhere)).toBe(`${clockTime(moment, elsewhere)} (clock at home)`);
  });
});
