import type { Api } from "../http/api";
import { useLoaded } from "../http/use-loaded";
import { Icon } from "../icons/Icon";
import { dayAndTime, useLanguage, useWords } from "../i18n/language";
import type { Outcome } from "../alarms/alarm";
import type { Visit } from "./visit";

/** The visits that this alarm has put on record. */
export function VisitList({ api, alarm, version, nowMs }: { api: Api; alarm: string; version: number; nowMs: number }) {
  const words = useWords();
  const language = useLanguage();
  const { value, failed, again } = useLoaded(alarm, version, () =>
    api.json<{ items: Visit[] }>(`/visits?alarm=${alarm}`),
  );
  const time = (moment: string): string => dayAndTime(moment, nowMs, language);
  return (
    <section className="visits" aria-label={words.visits.heading}>
      <h3>{words.visits.heading}</h3>
      {!value && !failed && <p className="dim">{words.board.loading}</p>}
      {failed && (
        <p role="alert" className="dim">
          {words.board.failedToLoad}{" "}
          <button type="button" className="button" onClick={again}>
            {words.board.retry}
          </button>
        </p>
      )}
      {value?.items.length === 0 && <p className="dim">{words.visits.none}</p>}
      <ul>
        {value?.items.map((visit) => (
          <li key={visit.id} data-visit={visit.id}>
            <Icon name="place" />
            <div>
              <strong>{visit.staff_name ?? visit.staff}</strong> {words.visits.kinds[visit.kind] ?? visit.kind}
              <p className="dim">
                {words.visits.from(time(visit.started_at), visit.ended_at && time(visit.ended_at))}
                {visit.outcome && ` · ${words.outcomes[visit.outcome as Outcome] ?? visit.outcome}`}
              </p>
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}
