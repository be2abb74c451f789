import { useStore } from "../app/store";
import { useWords } from "../i18n/language";
import type { Board } from "./board";
import { kindName } from "./kind";

/** Says news aloud to a screen reader. */
export function Announcer({ board }: { board: Board }) {
  const words = useWords();
  const { news } = useStore(board);
  let sentence = "";
  if (news) {
    const { alarm } = news;
    const kind = kindName(alarm, words);
    if (news.kind === "new") sentence = words.board.newAlarm(kind, alarm.place.name, alarm.resident_name);
    else if (news.kind === "repeated") sentence = words.board.repeated(kind, alarm.place.name, alarm.repeats + 1);
    else sentence = words.board.called(kind, alarm.place.name);
  }
  return (
    <div className="unseen" aria-live="assertive" role="log">
      {sentence}
    </div>
  );
}
