import type { ReactNode } from "react";
import type { Api } from "../http/api";
import { Icon } from "../icons/Icon";
import { dayAndTime, useLanguage, useWords } from "../i18n/language";
import { VisitList } from "../visits/VisitList";
import type { Alarm } from "./alarm";
import type { Board } from "./board";
import { EventLog } from "./EventLog";
import { Explanation } from "./Explanation";
import { kindName } from "./kind";
import { WhereItHappened } from "./WhereItHappened";

interface DetailsProps {
  board: Board;
  api: Api;
  alarm: Alarm | null;
  /** On a narrow screen the details lie over the list, and only when asked for. */
  sheet: boolean;
  onClose: () => void;
}

/** What the card has no room for: the facts, the visits on record, the event log. */
export function Details({ board, api, alarm, sheet, onClose }: DetailsProps) {
  const words = useWords();
  if (!alarm) return <aside className="details" data-sheet={false} aria-label={words.card.details} />;
  return (
    <aside className="details" data-sheet={sheet} aria-label={words.card.details}>
      <button type="button" className="button quiet narrow-only" onClick={onClose}>
        <Icon name="back" />
        {words.card.closeDetails}
      </button>
      <h2>
        {kindName(alarm, words)} · {alarm.place.name}
      </h2>
      <Explanation alarm={alarm} nowMs={board.clock.nowMs()} />
      <Facts board={board} alarm={alarm} />
      <VisitList api={api} alarm={alarm.id} version={alarm.version} nowMs={board.clock.nowMs()} />
      <EventLog api={api} alarm={alarm} nowMs={board.clock.nowMs()} />
    </aside>
  );
}

function Facts({ board, alarm }: { board: Board; alarm: Alarm }) {
  const words = useWords();
  const language = useLanguage();
  const time = (moment: string): string => dayAndTime(moment, board.clock.nowMs(), language);
  return (
    <dl className="facts">
      <Fact name={words.card.resident}>{alarm.resident_name ?? words.card.noResident}</Fact>
      {alarm.place.address && <Fact name={words.card.address}>{alarm.place.address}</Fact>}
      <Fact name={words.card.area}>{alarm.place.area_name}</Fact>
      <Fact name={words.card.stationLabel}>{alarm.place.station}</Fact>
      <Fact name={words.card.happened}>{time(alarm.happened_at)}</Fact>
      <Fact name={words.card.raisedAt}>{time(alarm.raised_at)}</Fact>
      {alarm.why.location && (
        <Fact name={words.card.location}>
          <WhereItHappened location={alarm.why.location} />
        </Fact>
      )}
      {alarm.devices.length > 0 ? (
        <Fact name={words.card.device}>
          {alarm.devices.map(({ id, over_at }) => (
            <p key={id}>
              {id} {over_at && <span className="dim">{words.card.overSince(time(over_at))}</span>}
            </p>
          ))}
        </Fact>
      ) : (
        alarm.device && <Fact name={words.card.device}>{alarm.device}</Fact>
      )}
      {alarm.outcome && <Fact name={words.card.outcome}>{words.outcomes[alarm.outcome]}</Fact>}
      {alarm.reference && <Fact name={words.resolve.reference}>{alarm.reference}</Fact>}
      {alarm.note && <Fact name={words.resolve.note}>{alarm.note}</Fact>}
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
