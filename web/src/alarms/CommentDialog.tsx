import { useState } from "react";
import { Dialog } from "../dialog/Dialog";
import { useWords } from "../i18n/language";
import type { Alarm } from "./alarm";
import { kindName } from "./kind";

export function CommentDialog({
  alarm,
  onClose,
  onComment,
}: {
  alarm: Alarm;
  onClose: () => void;
  onComment: (note: string) => void;
}) {
  const words = useWords();
  const [note, setNote] = useState("");
  const empty = note.trim() === "";
  return (
    <Dialog
      heading={words.comment.heading}
      onClose={onClose}
      submit={{ label: words.comment.submit, busy: empty, onSubmit: () => onComment(note.trim()) }}
    >
      <p className="dim">
        {kindName(alarm, words)} · {alarm.place.name}
      </p>
      <label className="field">
        {words.comment.note}
        <textarea rows={4} maxLength={2000} value={note} data-first onChange={(event) => setNote(event.target.value)} />
      </label>
    </Dialog>
  );
}
