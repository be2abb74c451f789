import { useFrom } from "../app/store";
import { useWords } from "../i18n/language";
import type { Alarm } from "./alarm";
import type { Board } from "./board";
import { KEY_OF, type Move } from "./moves";

interface MoveButtonProps {
  board: Board;
  alarm: Alarm;
  move: Move;
  main: boolean;
  onMove: (alarm: Alarm, move: Move) => void;
}

/**
 * A button for one move. While a move is under way all of the alarm's buttons rest; `aria-disabled` and not `disabled`,
 * so that the one which was pressed keeps the focus.
 */
export function MoveButton({ board, alarm, move, main, onMove }: MoveButtonProps) {
  const { moves: words } = useWords();
  const underWay = useFrom(board, (state) => state.underWay.get(alarm.id));
  return (
    <button
      type="button"
      className={main ? "button primary" : "button"}
      data-move={move}
      data-busy={underWay === move}
      aria-disabled={underWay !== undefined}
      aria-keyshortcuts={KEY_OF[move]}
      onClick={(event) => {
        event.stopPropagation();
        if (underWay === undefined) onMove(alarm, move);
      }}
    >
      {underWay === move ? words.underWay(words[move]) : words[move]} <kbd>{KEY_OF[move]}</kbd>
    </button>
  );
}
