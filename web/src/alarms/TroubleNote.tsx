import { useEffect, useRef } from "react";
import { useFrom } from "../app/store";
import { Icon } from "../icons/Icon";
import { useWords } from "../i18n/language";
import type { Dictionary } from "../i18n/en";
import type { Alarm } from "./alarm";
import type { Board } from "./board";
import type { Trouble } from "./board-state";
import { plainMove } from "./moves";

/** By the alarm's row, in a sentence: why the last move does not stand as done. */
export function TroubleNote({ board, alarm }: { board: Board; alarm: Alarm }) {
  const words = useWords();
  const trouble = useFrom(board, (state) => state.trouble.get(alarm.id));
  const stale = useFrom(board, (state) => state.stale.get(alarm.id));
  const sentence = trouble
    ? troubleSentence(trouble, words)
    : stale
      ? words.trouble.stale(plainMove(words.moves[stale]))
      : null;
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (sentence) place.current?.scrollIntoView({ block: "nearest" });
  }, [sentence]);
  return (
    <div role="alert" className="trouble-place" ref={place}>
      {sentence && (
        <div className="trouble" data-trouble={trouble?.kind ?? "stale"}>
          <Icon name="urgent" />
          <p>{sentence}</p>
          {trouble && isWorthRepeating(trouble) && (
            <button type="button" className="button" onClick={() => void board.retry(alarm.id)}>
              {words.moves.retry}
            </button>
          )}
          <button
            type="button"
            className="button quiet square"
            aria-label={words.moves.dismiss}
            onClick={() => board.dismissTrouble(alarm.id)}
          >
            <Icon name="cross" />
          </button>
        </div>
      )}
    </div>
  );
}

export function troubleSentence(trouble: Trouble, words: Dictionary): string {
  const move = plainMove(words.moves[trouble.attempt.move]);
  const { trouble: say } = words;
  switch (trouble.kind) {
    case "impossible":
      return words.moves.notPossible(move);
    case "unanswered":
      return say.unanswered(move);
    case "conflict":
      return trouble.alarm ? say.conflict(move, words.states[trouble.alarm.state]) : say.conflictUnknown(move);
    case "refused":
      if (trouble.status === 403) return say.forbidden(move);
      if (trouble.status === 404) return say.unknownAlarm(move);
      if (trouble.status >= 500) return say.failed(move);
      return say.refused(move, trouble.status, trouble.detail);
  }
}

/** The same click again may succeed only where the server gave no judgement on it. */
function isWorthRepeating(trouble: Trouble): boolean {
  return (
    trouble.kind === "unanswered" || (trouble.kind === "refused" && (trouble.status >= 500 || trouble.status === 429))
  );
}
