import { createContext, useContext, useSyncExternalStore } from "react";
import type { ServerClock } from "./server-clock";
import type { Ticker } from "./ticker";

export const ClockContext = createContext<{ clock: ServerClock; ticker: Ticker } | null>(null);

/**
 * A number or string that depends on the server's time (milliseconds). Looked at with every tick; renders again only
 * when it has changed, so that a board of hundreds of running seconds stays cheap.
 */
export function useAtNow<T extends number | string | null>(compute: (nowMs: number) => T): T {
  const parts = useContext(ClockContext);
  if (!parts) throw new Error("useAtNow needs a ClockContext around it");
  return useSyncExternalStore(parts.ticker.listen, () => compute(parts.clock.nowMs()));
}
