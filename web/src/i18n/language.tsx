import { createContext, useContext, useEffect, type ReactNode } from "react";
import { Store, useStore } from "../app/store";
import { en, type Dictionary } from "./en";
import { zh } from "./zh";

export type Language = "en" | "zh";

const DICTIONARIES: Record<Language, Dictionary> = { en, zh };
const HTML_LANG: Record<Language, string> = { en: "en", zh: "zh-CN" };
const KEY = "carebed.language";

/** The language chosen here before, else the browser's, where it is one of ours; else Chinese. */
export function firstLanguage(remembered: string | null, wanted: readonly string[]): Language {
  if (remembered === "en" || remembered === "zh") return remembered;
  const known = wanted.map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => tag === "en" || tag === "zh");
  return (known as Language | undefined) ?? "zh";
}

/** The page's language; remembered on this computer. */
export class LanguageChoice extends Store<Language> {
  readonly #storage: Storage;

  constructor(storage: Storage, wanted: readonly string[]) {
    super(firstLanguage(storage.getItem(KEY), wanted));
    this.#storage = storage;
  }

  switch(): void {
    const other = this.get() === "en" ? "zh" : "en";
    this.#storage.setItem(KEY, other);
    this.set(other);
  }

  words(): Dictionary {
    return DICTIONARIES[this.get()];
  }
}

const Context = createContext<{ language: Language; words: Dictionary }>({ language: "en", words: en });

export function LanguageProvider({ choice, children }: { choice: LanguageChoice; children: ReactNode }) {
  const language = useStore(choice);
  useEffect(() => {
    document.documentElement.lang = HTML_LANG[language];
  }, [language]);
  return <Context value={{ language, words: DICTIONARIES[language] }}>{children}</Context>;
}

export function useWords(): Dictionary {
  return useContext(Context).words;
}

export function useLanguage(): Language {
  return useContext(Context).language;
}

/** Hours, minutes and seconds of a moment (milliseconds or RFC 3339), in the desk's own zone unless another is named. */
export function clockTime(moment: number | string, timeZone?: string): string {
  return new Date(moment).toLocaleTimeString("en-GB", { hour12: false, timeZone });
}

/** The same, with the day before it unless that is the day of `nowMs`. */
export function dayAndTime(moment: string, nowMs: number, language: Language, timeZone?: string): string {
  const dayOf = (at: Date): string => at.toLocaleDateString("en-GB", { timeZone });
  const at = new Date(moment);
  if (dayOf(at) === dayOf(new Date(nowMs))) return clockTime(moment, timeZone);
  const day = at.toLocaleDateString(HTML_LANG[language], { month: "short", day: "numeric", timeZone });
  return `${day} ${clockTime(moment, timeZone)}`;
}

/** The same by the clock at home, which the words of a reason go by; it says so where the desk's shows another time. */
export function timeAtHome(moment: string, nowMs: number, language: Language, zone: string, words: Dictionary): string {
  const there = dayAndTime(moment, nowMs, language, zone);
  return there === dayAndTime(moment, nowMs, language) ? there : words.explain.homesClock(there);
}
