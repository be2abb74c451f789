import { useCallback, useEffect, useState } from "react";

export interface Loaded<T> {
  /** The last answer; kept on show while a newer one is under way. */
  value: T | null;
  failed: boolean;
  again: () => void;
}

/** Loads what belongs to `subject`, and loads it anew when `version` changes. An answer for an earlier subject is ignored. */
export function useLoaded<T>(subject: string, version: unknown, load: () => Promise<T>): Loaded<T> {
  const [answer, setAnswer] = useState<{ subject: string; value: T | null; failed: boolean }>({
    subject,
    value: null,
    failed: false,
  });
  const [round, setRound] = useState(0);
  useEffect(() => {
    let over = false;
    load().then(
      (value) => over || setAnswer({ subject, value, failed: false }),
      () =>
        over || setAnswer((last) => ({ subject, value: last.subject === subject ? last.value : null, failed: true })),
    );
    return () => {
      over = true;
    };
    // `load` is a new closure at every rendering and says nothing that subject and version do not.
  }, [subject, version, round]);
  const again = useCallback(() => setRound((last) => last + 1), []);
  const current = answer.subject === subject;
  return { value: current ? answer.value : null, failed: current && answer.failed, again };
}
