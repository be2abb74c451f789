import { useFrom } from "../app/store";
import { useWords } from "../i18n/language";
import { atDesk } from "../session/me";
import type { Alarm } from "./alarm";
import type { Board } from "./board";
import { responderChoices } from "./board-state";
import { nextMove, permittedMoves, RESPONDER_MOVES, responseOf, type Move } from "./moves";
import { MoveButton } from "./MoveButton";

interface MoveBarProps {
  board: Board;
  alarm: Alarm;
  onMove: (alarm: Alarm, move: Move) => void;
  onDetails: () => void;
}

/** Every move that the person here may make on the selected alarm, the one that brings it on in front. */
export function MoveBar({ board, alarm, onMove, onDetails }: MoveBarProps) {
  const words = useWords();
  useFrom(board, ({ responders }) => responders.get(alarm.id)); // what is possible depends on for whom
  const responder = board.responderFor(alarm);
  const moves = permittedMoves(alarm, board.me, responder);
  const main = nextMove(moves, responseOf(alarm, responder));
  return (
    <div className="move-bar" role="group" aria-label={words.moves.group}>
      {moves.map((move) => (
        <MoveButton key={move} board={board} alarm={alarm} move={move} main={move === main} onMove={onMove} />
      ))}
      <ResponderChoice board={board} alarm={alarm} moves={moves} />
      <button type="button" className="button quiet narrow-only" onClick={onDetails}>
        {words.card.details}
      </button>
    </div>
  );
}

/** For whom the desk makes a responder's move, when somebody reports by telephone. */
function ResponderChoice({ board, alarm, moves }: { board: Board; alarm: Alarm; moves: readonly Move[] }) {
  const { moves: words } = useWords();
  const choices = responderChoices(alarm, board.me);
  const useful = atDesk(board.me) && choices.length > 1 && moves.some((move) => RESPONDER_MOVES.has(move));
  if (!useful) return null;
  const nameOf = (staff: string): string =>
    staff === board.me.id
      ? words.self(board.me.name)
      : (alarm.responses.find((one) => one.staff === staff)?.name ?? staff);
  return (
    <label className="responder" onClick={(event) => event.stopPropagation()}>
      {words.for} <kbd>p</kbd>
      <select
        value={board.responderFor(alarm)}
        onChange={(event) => board.chooseResponder(alarm.id, event.target.value)}
      >
        {choices.map((staff) => (
          <option key={staff} value={staff}>
            {nameOf(staff)}
          </option>
        ))}
      </select>
    </label>
  );
}
