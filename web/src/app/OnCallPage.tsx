import { useEffect, useState } from "react";
import { Announcer } from "../alarms/Announcer";
import { AlarmBoard } from "../alarms/AlarmBoard";
import { ClockContext } from "../clock/use-now";
import { Api } from "../http/api";
import { Banner } from "../live/Banner";
import { MissedNotice } from "../live/MissedNotice";
import type { Me } from "../session/me";
import { SoundHint } from "../sound/SoundHint";
import type { Parts } from "./App";
import { Header } from "./Header";
import { OnCall } from "./on-call";

/** How long to wait before asking again who is signed in, when the server does not answer. */
const ASK_AGAIN_MS = 2_000;

/** The page of whoever is signed in: first learns who that is, then goes on duty. */
export function OnCallPage({ parts }: { parts: Parts }) {
  const [onCall, setOnCall] = useState<OnCall | null>(null);
  const [unreachable, setUnreachable] = useState(false);

  useEffect(() => {
    let over = false;
    let timer: ReturnType<typeof setTimeout>;
    let duty: OnCall | null = null;
    const api = new Api(parts.session);
    const begin = async (): Promise<void> => {
      try {
        const me = await api.json<Me>("/me");
        if (over) return;
        duty = new OnCall(me, api, parts);
        duty.start();
        setOnCall(duty);
      } catch {
        if (over) return;
        setUnreachable(true);
        timer = setTimeout(() => void begin(), ASK_AGAIN_MS);
      }
    };
    void begin();
    return () => {
      over = true;
      clearTimeout(timer);
      duty?.stop();
    };
  }, [parts]);

  if (!onCall) return <Banner line={unreachable ? "lost" : "connecting"} sinceMs={null} />;
  return (
    <ClockContext value={{ clock: onCall.clock, ticker: parts.ticker }}>
      <div className="page">
        <Header parts={parts} onCall={onCall} />
        <SoundHint siren={parts.siren} />
        <MissedNotice board={onCall.board} />
        <AlarmBoard board={onCall.board} api={onCall.api} singleKeys={parts.singleKeys} />
        <Announcer board={onCall.board} />
      </div>
    </ClockContext>
  );
}
