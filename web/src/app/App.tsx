import { useEffect, useState } from "react";
import { Ticker } from "../clock/ticker";
import { LanguageChoice, LanguageProvider } from "../i18n/language";
import { Session } from "../session/session";
import { SignIn } from "../session/SignIn";
import { Siren } from "../sound/siren";
import { Crash } from "./Crash";
import { OnCallPage } from "./OnCallPage";
import { SingleKeysChoice, ThemeChoice } from "./preferences";
import { useStore } from "./store";

/** Everything that lives as long as the page. */
function createParts() {
  return {
    session: new Session({ fetch: fetch.bind(window), storage: sessionStorage, nowMs: Date.now }),
    language: new LanguageChoice(localStorage, navigator.languages),
    theme: new ThemeChoice(localStorage),
    singleKeys: new SingleKeysChoice(localStorage),
    ticker: new Ticker(),
    siren: new Siren(),
  };
}

export type Parts = ReturnType<typeof createParts>;

export function App() {
  const [parts] = useState(createParts);
  const signedIn = useStore(parts.session);

  useEffect(() => {
    const { siren } = parts;
    siren.unlock();
    addEventListener("pointerdown", siren.unlock, true);
    addEventListener("keydown", siren.unlock, true);
    return () => {
      removeEventListener("pointerdown", siren.unlock, true);
      removeEventListener("keydown", siren.unlock, true);
    };
  }, [parts]);

  return (
    <LanguageProvider choice={parts.language}>
      <Crash>{signedIn.signedIn ? <OnCallPage parts={parts} /> : <SignIn parts={parts} />}</Crash>
    </LanguageProvider>
  );
}
