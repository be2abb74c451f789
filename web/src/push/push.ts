import { Store } from "../app/store";
import type { Api } from "../http/api";
import { Refused } from "../http/problem";

/**
 * unavailable: not set up here, or this browser cannot; blocked: forbidden in the browser; testing: a test is under
 * way; on: the page has got one; silent: subscribed, and no push came, so calls do not count on it.
 */
export type PushState = "unavailable" | "off" | "blocked" | "testing" | "on" | "silent";

/** A browser's side of it, so that tests need no browser. */
export interface PushBrowser {
  permission(): NotificationPermission;
  ask(): Promise<NotificationPermission>;
  subscription(): Promise<PushSubscription | null>;
  subscribe(publicKey: string): Promise<PushSubscription>;
}

interface Subscribed {
  id: string;
  confirmed_at: string | null;
  route: boolean;
}

/** Tested again when the last word of the page is older: early enough before it is no route any more (seven days). */
const TEST_AFTER_MS = 24 * 3600_000;
const ASK_EVERY_MS = 1_000;
const ASK_TIMES = 30;

/** Whether this browser gets pushes, and how it comes to that. */
export class Push extends Store<PushState> {
  readonly #api: Api;
  readonly #browser: PushBrowser | null;
  readonly #pause: (ms: number) => Promise<void>;
  #key: string | null = null;
  #id: string | null = null;

  constructor(api: Api, browser: PushBrowser | null, pause = (ms: number) => new Promise<void>((go) => setTimeout(go, ms))) {
    super("unavailable");
    this.#api = api;
    this.#browser = browser;
    this.#pause = pause;
  }

  /** What it is now; a subscription that is there is taken up by whoever is signed in, and tested where that is due. */
  async start(): Promise<void> {
    const browser = this.#browser;
    if (!browser) return;
    try {
      this.#key = (await this.#api.json<{ public_key: string | null }>("/me/push")).public_key;
      if (!this.#key) return;
      if (browser.permission() === "denied") return this.set("blocked");
      const subscription = browser.permission() === "granted" ? await browser.subscription() : null;
      if (!subscription) return this.set("off");
      await this.#register(subscription);
    } catch {
      this.set(this.#key ? "silent" : "unavailable");
    }
  }

  async turnOn(): Promise<void> {
    if (!this.#browser || !this.#key) return;
    try {
      if ((await this.#browser.ask()) !== "granted") return this.set("blocked");
      this.set("testing");
      await this.#register(await this.#browser.subscribe(this.#key));
    } catch {
      this.set("silent"); // the push service cannot be reached from here, or refuses
    }
  }

  async turnOff(me: string): Promise<void> {
    const subscription = await this.#browser?.subscription();
    await subscription?.unsubscribe();
    this.set("off");
    if (this.#id) await this.#api.open(`/staff/${me}/contact-methods/${this.#id}`, { method: "DELETE" });
  }

  /** Tells the server, which tests it; then waits for the page's own word to have come back. */
  async #register(subscription: PushSubscription): Promise<void> {
    const { endpoint, keys } = subscription.toJSON();
    let state = await this.#api.json<Subscribed>("/me/push", { method: "POST", body: { endpoint, keys } });
    this.#id = state.id;
    if (fresh(state)) return this.set("on");
    this.set("testing");
    const before = state.confirmed_at;
    for (let time = 0; time < ASK_TIMES; time += 1) {
      await this.#pause(ASK_EVERY_MS);
      state = await this.#api.json<Subscribed>(`/me/push/${state.id}`).catch((error: unknown) => {
        if (error instanceof Refused) throw error;
        return state; // no answer: asked again
      });
      if (state.route && state.confirmed_at !== before) return this.set("on");
    }
    this.set(state.route ? "on" : "silent");
  }
}

function fresh(state: Subscribed): boolean {
  return state.route && state.confirmed_at !== null && Date.now() - Date.parse(state.confirmed_at) < TEST_AFTER_MS;
}

/** This browser, where it can: over HTTPS or on this machine, with push (on an iPhone only once on the home screen). */
export function thisBrowser(): PushBrowser | null {
  if (!("serviceWorker" in navigator) || !("PushManager" in window) || !("Notification" in window)) return null;
  return {
    permission: () => Notification.permission,
    ask: () => Notification.requestPermission(),
    subscription: async () => (await navigator.serviceWorker.getRegistration("/"))?.pushManager.getSubscription() ?? null,
    subscribe: async (publicKey) => {
      await navigator.serviceWorker.register("/service-worker.js");
      const { pushManager } = await navigator.serviceWorker.ready;
      // One that was made with another key of the installation cannot be sent to any more.
      await (await pushManager.getSubscription())?.unsubscribe();
      return pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: publicKey });
    },
  };
}
