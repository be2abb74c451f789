import type { SingleKeysChoice } from "../app/preferences";
import { useStore } from "../app/store";
import { Dialog } from "../dialog/Dialog";
import { useWords } from "../i18n/language";
import { KEY_OF, MOVES, plainMove } from "./moves";

export function HelpDialog({ singleKeys, onClose }: { singleKeys: SingleKeysChoice; onClose: () => void }) {
  const words = useWords();
  const on = useStore(singleKeys);
  const rows: [string, string][] = [
    ["j ↓ · k ↑", words.help.select],
    ...MOVES.map((move): [string, string] => [KEY_OF[move], plainMove(words.moves[move])]),
    ["p", words.help.responder],
    ["u", words.help.unanswered],
    ["n", words.help.raise],
    ["t", words.help.tabs],
    ["?", words.help.help],
  ];
  return (
    <Dialog heading={words.help.heading} onClose={onClose}>
      <dl className="help-keys">
        {rows.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <p className="dim">{words.help.countdown}</p>
      <label className="check">
        <input type="checkbox" checked={on} onChange={(event) => singleKeys.choose(event.target.checked)} />
        {words.help.singleKeys}
      </label>
    </Dialog>
  );
}
