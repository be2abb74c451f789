import { clockTime, useWords } from "../i18n/language";
import { useAtNow } from "../clock/use-now";
import { Icon } from "../icons/Icon";
import { Banner } from "../live/Banner";
import { PushSwitch } from "../push/PushSwitch";
import type { Parts } from "./App";
import type { OnCall } from "./on-call";
import { Preferences } from "./Preferences";
import { useStore } from "./store";

export function Header({ parts, onCall }: { parts: Parts; onCall: OnCall }) {
  const words = useWords();
  const { line, currentUntilMs } = useStore(onCall.board);
  const blocked = useStore(parts.siren.blocked);
  const { me } = onCall.board;
  return (
    <header className="header">
      <Banner line={line} sinceMs={currentUntilMs} />
      <div className="header-row">
        <img src="/favicon.svg" alt="" width="36" height="36" />
        <div className="header-name">
          <h1>{words.page}</h1>
          <span>{me.area_name ?? me.area}</span>
        </div>
        <span className="line-state" data-line={line}>
          <span className="line-dot" />
          {words.line[line]}
        </span>
        <Clock />
        <span className="header-gap" />
        {!blocked && (
          <span className="sound-on" title={words.sound.on}>
            <Icon name="sound" />
            <span className="unseen">{words.sound.on}</span>
          </span>
        )}
        <PushSwitch api={onCall.api} me={me} />
        <Preferences parts={parts} />
        <span className="header-me">
          <strong>{me.name}</strong>
          <span>{words.roles[me.role]}</span>
        </span>
        <button type="button" className="button quiet" onClick={() => parts.session.signOut()}>
          <Icon name="out" />
          <span className="unseen-narrow">{words.signIn.out}</span>
        </button>
      </div>
    </header>
  );
}

function Clock() {
  return <time className="header-clock">{useAtNow(clockTime)}</time>;
}
