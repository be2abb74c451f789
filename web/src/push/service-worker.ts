import { deliver, target } from "./deliver";
import type { PushMessage } from "./message";

/** The parts of a service worker's scope that are used here; TypeScript's own types of it do not go with the page's. */
interface Extendable extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface Tab {
  url: string;
  focus(): Promise<unknown>;
}
interface Scope {
  registration: ServiceWorkerRegistration;
  clients: { matchAll(options: { type: "window" }): Promise<Tab[]>; openWindow(path: string): Promise<unknown> };
  skipWaiting(): Promise<void>;
  addEventListener(type: string, listener: (event: Extendable) => void): void;
}

const scope = self as unknown as Scope;

scope.addEventListener("install", () => void scope.skipWaiting());

scope.addEventListener("push", (event) => {
  const { data } = event as Extendable & { data: { json(): PushMessage } | null };
  if (!data) return;
  event.waitUntil(
    deliver(data.json(), {
      show: (title, options) => scope.registration.showNotification(title, options),
      fetch: (path, init) => fetch(path, init),
    }),
  );
});

scope.addEventListener("notificationclick", (event) => {
  const { notification } = event as Extendable & { notification: Notification };
  notification.close();
  event.waitUntil(open(target((notification.data as { path?: unknown } | null)?.path)));
});

/** The board where it is open already; a page to answer on is always opened, for it is about one message. */
async function open(path: string): Promise<void> {
  const tabs = await scope.clients.matchAll({ type: "window" });
  const there = path === "/" ? tabs.find((tab) => new URL(tab.url).pathname === "/") : undefined;
  await (there ? there.focus() : scope.clients.openWindow(path));
}
