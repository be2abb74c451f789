import { useState, type FormEvent } from "react";
import type { Parts } from "../app/App";
import { Preferences } from "../app/Preferences";
import { useStore } from "../app/store";
import { Refused } from "../http/problem";
import { useWords } from "../i18n/language";
import type { Dictionary } from "../i18n/en";
import "./session.css";

export function SignIn({ parts }: { parts: Parts }) {
  const words = useWords();
  const state = useStore(parts.session);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<unknown>(null);

  const submit = async (event: FormEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    if (busy) return;
    const form = new FormData(event.currentTarget);
    const login = String(form.get("login")).trim();
    const password = String(form.get("password"));
    if (!login || !password) return setProblem("missing");
    setBusy(true);
    setProblem(null);
    await parts.session.signIn(login, password).catch(setProblem);
    setBusy(false);
  };

  const reason = state.signedIn || state.reason === "first" ? null : state.reason;
  return (
    <main className="sign-in">
      <div className="sign-in-corner">
        <Preferences parts={parts} />
      </div>
      <form className="sign-in-form" onSubmit={(event) => void submit(event)} noValidate>
        <img src="/favicon.svg" alt="" width="56" height="56" />
        <h1>{words.signIn.heading}</h1>
        {reason === "ended" && (
          <p className="notice bad" role="alert">
            {words.signIn.ended}
          </p>
        )}
        {reason === "by_hand" && <p className="notice">{words.signIn.byHand}</p>}
        <label>
          {words.signIn.login}
          <input name="login" autoComplete="username" autoCapitalize="none" spellCheck={false} autoFocus />
        </label>
        <label>
          {words.signIn.password}
          <input name="password" type="password" autoComplete="current-password" />
        </label>
        {problem !== null && (
          <p className="notice bad" role="alert">
            {sentence(problem, words)}
          </p>
        )}
        <button className="button primary large" aria-disabled={busy}>
          {busy ? words.signIn.busy : words.signIn.submit}
        </button>
      </form>
    </main>
  );
}

function sentence(problem: unknown, { signIn }: Dictionary): string {
  if (problem === "missing") return signIn.missing;
  if (!(problem instanceof Refused)) return signIn.unanswered;
  if (problem.status === 429) return signIn.wait(problem.retryAfterS ?? 30);
  return [400, 401, 422].includes(problem.status) ? signIn.wrong : signIn.refused(problem.status);
}
