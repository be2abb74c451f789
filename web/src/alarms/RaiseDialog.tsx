import { useRef, useState } from "react";
import { Dialog } from "../dialog/Dialog";
import { HomePicker } from "../homes/HomePicker";
import type { Home } from "../homes/home";
import { newKey, type Api } from "../http/api";
import { Refused } from "../http/problem";
import { Icon, iconOfKind } from "../icons/Icon";
import { useWords } from "../i18n/language";
import { KINDS_BY_HAND, type Alarm } from "./alarm";

/** A telephone call becomes an alarm: which home, what has happened, what was said. */
export function RaiseDialog({
  api,
  onClose,
  onRaised,
}: {
  api: Api;
  onClose: () => void;
  onRaised: (alarm: Alarm) => void;
}) {
  const words = useWords();
  const [home, setHome] = useState<Home | null>(null);
  const [kind, setKind] = useState<string>(KINDS_BY_HAND[0]);
  const [note, setNote] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  // The same content sent twice must raise one alarm: a new key only when the content has changed.
  const sent = useRef({ content: "", key: "" });

  const raise = async (): Promise<void> => {
    if (!home) return setProblem(words.raise.chooseHome);
    const body = { home: home.id, kind, ...(note.trim() ? { note: note.trim() } : {}) };
    const content = JSON.stringify(body);
    if (sent.current.content !== content) sent.current = { content, key: newKey() };
    setBusy(true);
    setProblem(null);
    try {
      onRaised(await api.json<Alarm>("/alarms", { method: "POST", body, idempotencyKey: sent.current.key }));
    } catch (error) {
      setProblem(error instanceof Refused ? words.raise.refused(error.status, error.message) : words.raise.unanswered);
      setBusy(false);
    }
  };

  return (
    <Dialog
      heading={words.raise.heading}
      onClose={onClose}
      submit={{ label: busy ? words.raise.busy : words.raise.submit, busy, onSubmit: () => void raise() }}
    >
      <p className="dim">{words.raise.intro}</p>
      <HomePicker api={api} chosen={home} onChoose={setHome} />
      <fieldset className="kinds">
        <legend>{words.raise.kind}</legend>
        {KINDS_BY_HAND.map((one) => (
          <label key={one}>
            <input type="radio" name="kind" value={one} checked={kind === one} onChange={() => setKind(one)} />
            <Icon name={iconOfKind(one)} /> {words.kinds[one]}
          </label>
        ))}
      </fieldset>
      <label className="field">
        {words.raise.note}
        <textarea
          rows={2}
          maxLength={2000}
          value={note}
          placeholder={words.raise.notePlaceholder}
          onChange={(event) => setNote(event.target.value)}
        />
      </label>
      {problem && (
        <p className="notice bad" role="alert">
          {problem}
        </p>
      )}
    </Dialog>
  );
}
