import { memo, useEffect, useRef } from "react";
import { useFrom } from "../app/store";
import { secondsSince, spanOf } from "../clock/countdown";
import { useAtNow } from "../clock/use-now";
import { Icon, iconOfKind } from "../icons/Icon";
import { dayAndTime, useLanguage, useWords } from "../i18n/language";
import { isOpen, isUnanswered, type Alarm } from "./alarm";
import type { Board } from "./board";
import { Countdown } from "./Countdown";
import { kindName } from "./kind";
import { MoveBar } from "./MoveBar";
import { nextMove, permittedMoves, responseOf, type Move } from "./moves";
import { MoveButton } from "./MoveButton";
import { WhereItHappened } from "./WhereItHappened";
import { ResponseList } from "./ResponseList";
import { TroubleNote } from "./TroubleNote";

interface CardProps {
  board: Board;
  alarm: Alarm;
  onMove: (alarm: Alarm, move: Move) => void;
  onDetails: () => void;
}

/**
 * One alarm: what, where, who, since when, who is on it, how long until the next step, and what can be done.
 * Rendered again only when something about this very alarm has changed.
 */
export const AlarmCard = memo(function AlarmCard({ board, alarm, onMove, onDetails }: CardProps) {
  const words = useWords();
  const language = useLanguage();
  const isSelected = useFrom(board, ({ selected, tab }) => selected[tab] === alarm.id);
  const title = useFocusThatFollows(isSelected, alarm);
  const kind = kindName(alarm, words);
  const responder = board.responderFor(alarm);
  const next = nextMove(permittedMoves(alarm, board.me, responder), responseOf(alarm, responder));
  return (
    <article
      className="card"
      aria-label={`${kind}, ${alarm.place.name}`}
      data-alarm={alarm.id}
      data-priority={alarm.priority}
      data-state={alarm.state}
      data-open={isOpen(alarm)}
      data-unanswered={isUnanswered(alarm)}
      data-selected={isSelected}
      data-exhausted={isExhausted(alarm)}
      data-drill={alarm.drill}
      onClick={() => board.select(alarm.id)}
    >
      <span className="kind-tile">
        <Icon name={iconOfKind(alarm.kind)} />
      </span>
      <div className="card-body">
        <div className="card-head">
          <h3>
            <button
              type="button"
              ref={title}
              className="card-title"
              aria-current={isSelected}
              aria-label={words.board.select(kind, alarm.place.name)}
            >
              {kind}
            </button>
          </h3>
          {!alarm.drill && (
            <span className="chip priority">
              <Icon name={alarm.priority} />
              {words.priorities[alarm.priority]}
            </span>
          )}
          <span className="chip state">
            {alarm.outcome ? words.outcomes[alarm.outcome] : words.states[alarm.state]}
          </span>
          <Marks board={board} alarm={alarm} />
        </div>
        <p className="card-where">
          <strong>{alarm.place.name}</strong>
          <span>
            <Icon name="person" /> {alarm.resident_name ?? words.card.noResident}
          </span>
          {alarm.place.address && <span className="dim">{alarm.place.address}</span>}
        </p>
        <p className="card-why">
          {alarm.why.text[language]} {alarm.why.location && (
            <>
              {words.card.locationIs} <WhereItHappened location={alarm.why.location} />
            </>
          )}
        </p>
      </div>
      <div className="card-time">{isOpen(alarm) ? <Countdown alarm={alarm} /> : <Closed alarm={alarm} />}</div>
      <div className="card-people">
        <p>
          <span className="dim">{words.card.owner}</span> {ownerOf(alarm, words.card.station)}
          {isOpen(alarm) && <span className="dim"> · {words.card.step(alarm.step)}</span>}
        </p>
        <ResponseList responses={alarm.responses} isOver={!isOpen(alarm)} />
        {!isSelected && isUnanswered(alarm) && next && (
          <MoveButton board={board} alarm={alarm} move={next} main onMove={onMove} />
        )}
      </div>
      {isSelected && <MoveBar board={board} alarm={alarm} onMove={onMove} onDetails={onDetails} />}
      <TroubleNote board={board} alarm={alarm} />
    </article>
  );
});

/** At the end of its ladder, and it matters: a drill that nobody answers is a result. */
function isExhausted(alarm: Alarm): boolean {
  return alarm.exhausted && isOpen(alarm) && !alarm.drill;
}

function Marks({ board, alarm }: { board: Board; alarm: Alarm }) {
  const { card, line, drill } = useWords();
  // Somebody holds it: the call of a while ago is answered, though not by this person.
  const called = useFrom(board, ({ calls }) => calls.has(alarm.id)) && isUnanswered(alarm);
  const isMissed = useFrom(board, ({ missed }) => missed?.appeared.includes(alarm.id) ?? false);
  const hasMissed = useFrom(board, ({ missed }) => missed?.changed.includes(alarm.id) ?? false);
  const language = useLanguage();
  const pressed = ["sos", "assist", "doorbell"].includes(alarm.kind);
  const times = alarm.repeats + 1;
  return (
    <>
      {alarm.drill && isOpen(alarm) && <span className="chip drill">{drill.note}</span>}
      {alarm.test_expected && <span className="chip">{card.testExpected}</span>}
      {alarm.repeats > 0 && <span className="chip strong">{pressed ? card.repeats(times) : card.signals(times)}</span>}
      {alarm.urged_at && isOpen(alarm) && <span className="chip strong">{card.urged}</span>}
      {alarm.late && (
        <span className="chip strong">
          <Icon name="clock" />
          {card.late(dayAndTime(alarm.happened_at, board.clock.nowMs(), language))}
        </span>
      )}
      {isMissed && <span className="chip strong">{line.missedNew}</span>}
      {hasMissed && <span className="chip strong">{line.missedChanged}</span>}
      {called && <span className="chip called">{card.calledYou}</span>}
      {isExhausted(alarm) && (
        <span className="chip exhausted">{isUnanswered(alarm) ? card.exhausted : card.allCalled}</span>
      )}
    </>
  );
}

function Closed({ alarm }: { alarm: Alarm }) {
  const { card } = useWords();
  const language = useLanguage();
  const time = useAtNow((now) => (alarm.closed_at === null ? null : dayAndTime(alarm.closed_at, now, language)));
  return time && <p className="since">{card.closedAt(time)}</p>;
}

export function Since({ alarm }: { alarm: Alarm }) {
  const words = useWords();
  const seconds = useAtNow((now) => secondsSince(alarm.raised_at, now));
  return <span className="since">{words.card.raised(words.span(spanOf(seconds)))}</span>;
}

function ownerOf(alarm: Alarm, desk: string): string {
  return alarm.owner.type === "station" ? `${desk} ${alarm.owner.name}` : alarm.owner.name;
}

/**
 * The focus is on the selected alarm: it goes there when the selection moves by key, and comes back there when the
 * button that had it is gone because its move is done. A focus elsewhere on the page is never taken away.
 */
function useFocusThatFollows(isSelected: boolean, alarm: Alarm) {
  const title = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    const focused = document.activeElement;
    const onACard = focused instanceof Element && focused.closest(".card") !== null;
    if (!isSelected || !title.current) return;
    const card = title.current.closest(".card")!;
    if (focused === document.body || (onACard && !card.contains(focused))) title.current.focus({ preventScroll: true });
    card.scrollIntoView({ block: "nearest" });
  }, [isSelected]);
  useEffect(() => {
    if (isSelected && document.activeElement === document.body) title.current?.focus({ preventScroll: true });
  }, [isSelected, alarm.version]);
  return title;
}
