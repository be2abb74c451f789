import { Crash } from "../app/Crash";
import { useStore } from "../app/store";
import { useWords } from "../i18n/language";
import { AlarmCard } from "./AlarmCard";
import { isOpen, type Alarm } from "./alarm";
import type { Board } from "./board";
import { shown } from "./board-state";
import type { Move } from "./moves";

interface ListProps {
  board: Board;
  onMove: (alarm: Alarm, move: Move) => void;
  onDetails: () => void;
}

export function AlarmList({ board, onMove, onDetails }: ListProps) {
  const words = useWords();
  const state = useStore(board);
  const alarms = shown(state);
  const firstClosed = state.tab === "open" ? alarms.find((alarm) => !isOpen(alarm)) : undefined;
  const heading = state.tab === "open" ? words.board.openHeading : words.board.closed;
  return (
    <section className="list" aria-label={heading} data-current={state.line === "live"}>
      <Empty board={board} />
      <ul>
        {alarms.map((alarm) => (
          // Keyed by the alarm: when the order changes its row moves as it is, with the focus in it.
          <li key={alarm.id}>
            {alarm === firstClosed && <h2 className="list-heading">{words.board.justClosed}</h2>}
            <Crash
              instead={
                <p className="card broken" role="alert">
                  {words.board.broken} {alarm.id}
                </p>
              }
            >
              <AlarmCard board={board} alarm={alarm} onMove={onMove} onDetails={onDetails} />
            </Crash>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Empty({ board }: { board: Board }) {
  const { board: words } = useWords();
  const state = useStore(board);
  if (state.tab === "closed") {
    if (state.closed.items.length > 0) return null;
    if (state.closed.state === "loading") return <p className="empty">{words.loading}</p>;
    if (state.closed.state === "ready") return <p className="empty">{words.noneClosed}</p>;
    return (
      <p className="empty" role="alert">
        {words.failedToLoad}{" "}
        <button type="button" className="button" onClick={() => void board.loadClosed()}>
          {words.retry}
        </button>
      </p>
    );
  }
  if (!state.loaded) return <p className="empty">{words.loading}</p>;
  if (shown(state).some(isOpen)) return null;
  return (
    <p className="empty">
      <strong>{words.none}</strong>
      <span>{words.noneHint}</span>
    </p>
  );
}
