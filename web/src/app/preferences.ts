import { Store } from "./store";

export type Theme = "dark" | "light";

/** Light or dark: as the system says until somebody chooses here; the choice is remembered on this computer. */
export class ThemeChoice extends Store<Theme> {
  readonly #storage: Storage;

  constructor(storage: Storage) {
    const remembered = storage.getItem("carebed.theme");
    const system = matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
    super(remembered === "dark" || remembered === "light" ? remembered : system);
    this.#storage = storage;
    document.documentElement.dataset["theme"] = this.get();
  }

  switch(): void {
    const other = this.get() === "dark" ? "light" : "dark";
    this.#storage.setItem("carebed.theme", other);
    document.documentElement.dataset["theme"] = other;
    this.set(other);
  }
}

/** Whether single keys make moves; speech input needs them off (WCAG 2.1.4). Remembered on this computer. */
export class SingleKeysChoice extends Store<boolean> {
  readonly #storage: Storage;

  constructor(storage: Storage) {
    super(storage.getItem("carebed.keys") !== "off");
    this.#storage = storage;
  }

  choose(on: boolean): void {
    this.#storage.setItem("carebed.keys", on ? "on" : "off");
    this.set(on);
  }
}
