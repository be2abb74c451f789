import type { Board } from "../alarms/board";
import { useStore } from "../app/store";
import { clockTime, useWords } from "../i18n/language";

/** What happened while the line was down; stays until somebody says that he has seen it. */
export function MissedNotice({ board }: { board: Board }) {
  const { line: words } = useWords();
  const { missed } = useStore(board);
  if (!missed) return null;
  const parts = [
    missed.appeared.length > 0 && words.backNew(missed.appeared.length),
    missed.changed.length > 0 && words.backChanged(missed.changed.length),
    missed.left.length > 0 && words.backLeft(missed.left.length),
  ].filter((part) => part !== false);
  return (
    <div className="missed" role="status">
      <p>
        <strong>{words.backHeading(clockTime(missed.fromMs), clockTime(missed.toMs))}</strong>{" "}
        {parts.length > 0 ? parts.join(" · ") : words.backNothing}
      </p>
      <button type="button" className="button" onClick={() => board.seen()}>
        {words.dismiss}
      </button>
    </div>
  );
}
