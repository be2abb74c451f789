import { timeAtHome, useLanguage, useWords } from "../i18n/language";
import type { Alarm } from "./alarm";
import { evidenceDevice, evidenceWords, figuresOf } from "./explanation-words";

/** Why the alarm was raised: what was expected, what was seen, since when; and, when asked for, the events behind it. */
export function Explanation({ alarm, nowMs }: { alarm: Alarm; nowMs: number }) {
  const words = useWords();
  const { explain } = words;
  const language = useLanguage();
  const time = (moment: string): string => timeAtHome(moment, nowMs, language, alarm.place.time_zone, words);
  const events = alarm.why.evidence ?? [];
  const rows: [string, string[]][] = [
    [explain.since, [time(alarm.why.since ?? alarm.happened_at)]],
    [explain.expected, figuresOf(alarm.why, "expected", explain)],
    [explain.seen, figuresOf(alarm.why, "seen", explain)],
  ];
  return (
    <section className="explanation" aria-label={explain.heading}>
      <h3>{explain.heading}</h3>
      <p>{alarm.why.text[language]}</p>
      <dl className="reasons">
        {rows.map(
          ([name, figures]) =>
            figures.length > 0 && (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{figures.join("; ")}</dd>
              </div>
            ),
        )}
      </dl>
      {events.length > 0 && (
        <details>
          <summary>{explain.events(events.length)}</summary>
          <ol>
            {events.map((one) => (
              <li key={`${one.device_id} ${one.message_id} ${one.at}`}>
                <time dateTime={one.at}>{time(one.at)}</time>
                <span>
                  {evidenceWords(one, explain)} <span className="dim">{evidenceDevice(one, explain)}</span>
                </span>
              </li>
            ))}
          </ol>
        </details>
      )}
    </section>
  );
}
