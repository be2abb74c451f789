import { digits, secondsUntil } from "../clock/countdown";
import { useAtNow } from "../clock/use-now";
import type { Dictionary } from "../i18n/en";
import { useWords } from "../i18n/language";
import type { Alarm } from "./alarm";
import { Since } from "./AlarmCard";

/** The last seconds before the next step are shown in amber. */
const SOON_S = 15;

/** Seconds to the next deadline, running down on the server's clock; an overdue one counts up, in red. */
export function Countdown({ alarm }: { alarm: Alarm }) {
  const words = useWords();
  const left = useAtNow((now) => secondsUntil(alarm.deadline_at, now));
  const pace = left === null ? "none" : left < 0 ? "overdue" : left <= SOON_S ? "soon" : "calm";
  return (
    <div className="countdown" data-pace={pace} role="timer" aria-live="off">
      {left === null ? (
        <span className="countdown-label">{words.card.noDeadline}</span>
      ) : (
        <>
          <span className="countdown-digits">
            {left < 0 && "+"}
            {digits(left)}
            {Math.abs(left) < 120 && <small>{words.seconds}</small>}
          </span>
          <span className="countdown-label">{left < 0 ? words.card.overdue : waitingFor(alarm, words)}</span>
        </>
      )}
      <Since alarm={alarm} />
    </div>
  );
}

/** What the deadline is: of a suspected fall the end of the time in which movement ends it, then of the wearer's own. */
function waitingFor(alarm: Alarm, words: Dictionary): string {
  if (alarm.state !== "suspected" || !alarm.suspicion) return words.card.nextStep;
  return alarm.suspicion.watching ? words.card.watching : words.card.cancellable;
}
