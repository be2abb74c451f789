import type { Api } from "../http/api";
import { useLoaded } from "../http/use-loaded";
import { clockTime, dayAndTime, useLanguage, useWords } from "../i18n/language";
import { eventActor, eventDetail, eventName } from "./event-words";
import type { Alarm, AlarmEvent } from "./alarm";

/** The alarm's append-only history, newest first: who did what, when, by which clock. */
export function EventLog({ api, alarm, nowMs }: { api: Api; alarm: Alarm; nowMs: number }) {
  const words = useWords();
  const language = useLanguage();
  const { value, failed, again } = useLoaded(alarm.id, alarm.version, () =>
    api.json<{ items: AlarmEvent[] }>(`/alarms/${alarm.id}/events`),
  );
  return (
    <section className="event-log" aria-label={words.events.heading}>
      <h3>{words.events.heading}</h3>
      {!value && !failed && <p className="dim">{words.board.loading}</p>}
      {failed && (
        <p role="alert" className="dim">
          {words.board.failedToLoad}{" "}
          <button type="button" className="button" onClick={again}>
            {words.board.retry}
          </button>
        </p>
      )}
      {value?.items.length === 0 && <p className="dim">{words.events.none}</p>}
      <ol>
        {[...(value?.items ?? [])].reverse().map((event) => (
          <li key={event.seq} data-event={event.type}>
            <time dateTime={event.at}>{dayAndTime(event.at, nowMs, language)}</time>
            <div>
              <strong>{eventName(event, words)}</strong> <span className="dim">{eventActor(event, words)}</span>
              <p>{eventDetail(event, alarm, words)}</p>
              {event.device_time && Math.abs(Date.parse(event.device_time) - Date.parse(event.at)) >= 2_000 && (
                <p className="dim">{words.events.deviceTime(clockTime(event.device_time))}</p>
              )}
            </div>
          </li>
        ))}
      </ol>
    </section>
  );
}
