import { useState, type KeyboardEvent } from "react";
import { Dialog } from "../dialog/Dialog";
import { useWords } from "../i18n/language";
import { OUTCOMES, type Alarm, type Outcome } from "./alarm";
import type { MoveBody } from "./attempt";
import { kindName } from "./kind";

interface ResolveDialogProps {
  alarm: Alarm;
  onClose: () => void;
  onResolve: (extra: Pick<MoveBody, "outcome" | "note" | "reference">) => void;
}

/** Closing needs a word on what was found: by digit, arrows or mouse; then a note; Enter resolves. */
export function ResolveDialog({ alarm, onClose, onResolve }: ResolveDialogProps) {
  const words = useWords();
  // A drill ends as a test; the server takes nothing else.
  const outcomes = alarm.drill ? (["test"] as const) : OUTCOMES;
  const [outcome, setOutcome] = useState<Outcome>(outcomes[0]);
  const [note, setNote] = useState("");
  const [reference, setReference] = useState("");
  const toAmbulance = outcome === "handed_to_120";

  const digit = (event: KeyboardEvent): void => {
    const chosen = event.target instanceof HTMLTextAreaElement ? undefined : outcomes[Number(event.key) - 1];
    if (chosen) setOutcome(chosen);
  };

  return (
    <Dialog
      heading={words.resolve.heading}
      onClose={onClose}
      submit={{
        label: words.resolve.submit,
        busy: toAmbulance && !reference.trim(),
        onSubmit: () =>
          onResolve({
            outcome,
            ...(note.trim() ? { note: note.trim() } : {}),
            ...(toAmbulance ? { reference: reference.trim() } : {}),
          }),
      }}
    >
      <p className="dim">
        {kindName(alarm, words)} · {alarm.place.name}
        {alarm.resident_name && ` · ${alarm.resident_name}`}
      </p>
      <fieldset className="outcomes" onKeyDown={digit}>
        <legend>{words.resolve.outcome}</legend>
        {outcomes.map((one, index) => (
          <label key={one}>
            <input
              type="radio"
              name="outcome"
              value={one}
              checked={outcome === one}
              onChange={() => setOutcome(one)}
              {...(index === 0 ? { "data-first": true } : {})}
            />
            <kbd>{index + 1}</kbd> {words.outcomes[one]}
          </label>
        ))}
      </fieldset>
      {toAmbulance && (
        <label className="field">
          {words.resolve.reference}
          <input
            maxLength={200}
            required
            value={reference}
            placeholder={words.resolve.referencePlaceholder}
            onChange={(event) => setReference(event.target.value)}
          />
        </label>
      )}
      <label className="field">
        {words.resolve.note}
        <textarea
          rows={3}
          maxLength={2000}
          value={note}
          placeholder={words.resolve.notePlaceholder}
          onChange={(event) => setNote(event.target.value)}
        />
      </label>
    </Dialog>
  );
}
