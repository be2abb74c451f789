import { createContext, useContext, useEffect, useState } from "react";
import type { ServerClock } from "./server-clock";
import type { Ticker } from "./ticker";

export const ClockContext = createContext<{ clock: ServerClock; ticker: Ticker } | null>(null);

/** The server's clock, in whole seconds (as milliseconds): renders again when the second changes. */
export function useNow(): number {
  const parts = useContext(ClockContext);
  if (!parts) throw new Error("useNow needs a ClockContext around it");
  const { clock, ticker } = parts;
  const second = (): number => Math.floor(clock.nowMs() / 250) * 250;
  const [now, setNow] = useState(second);
  useEffect(() => ticker.listen(() => setNow(second())), [clock, ticker]);
  return now;
}
