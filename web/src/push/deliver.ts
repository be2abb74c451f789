import type { PushMessage } from "./message";

/** What the worker needs of the browser. */
export interface Surroundings {
  show(title: string, options: NotificationOptions & { renotify?: boolean }): Promise<void>;
  fetch(path: string, init: RequestInit): Promise<Response>;
}

/** Where a tap on it leads: a path of ours, whatever stands in the message. */
export function target(path: unknown): string {
  return typeof path === "string" && path.startsWith("/") && !path.startsWith("//") ? path : "/";
}

/** Show it, then tell the server that it was shown: not before, for a push that nobody can see has reached nobody. */
export async function deliver(message: PushMessage, { show, fetch }: Surroundings): Promise<void> {
  await show(message.title, {
    body: message.body,
    lang: message.language === "en" ? "en" : "zh-CN",
    tag: message.tag,
    renotify: true,
    requireInteraction: message.urgent,
    silent: message.kind === "test",
    icon: "/favicon.svg",
    data: { path: target(message.path) },
  });
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      const answer = await fetch("/api/v1/push-receipts", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ receipt: message.receipt }),
      });
      if (answer.ok || answer.status < 500) return;
    } catch {
      // once more: the line of a telephone that has just woken up takes a moment
    }
  }
}
