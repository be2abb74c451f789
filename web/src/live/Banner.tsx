import { clockTime, useWords } from "../i18n/language";
import { Icon } from "../icons/Icon";
import type { LineState } from "./line";
import "./live.css";

/** Over everything and across the whole page, the moment the board may be wrong. `sinceMs`: last known good. */
export function Banner({ line, sinceMs }: { line: LineState; sinceMs: number | null }) {
  const { line: words } = useWords();
  return (
    <div role="alert" aria-live="assertive" className="banner-place">
      {line === "lost" && (
        <div className="banner" data-testid="connection-lost">
          <Icon name="offline" />
          <strong>{sinceMs === null ? words.bannerNever : words.banner(clockTime(sinceMs))}</strong>
          <span>{words.retrying}</span>
        </div>
      )}
    </div>
  );
}
