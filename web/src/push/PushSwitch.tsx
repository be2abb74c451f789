import { useEffect, useState } from "react";
import { useStore } from "../app/store";
import type { Api } from "../http/api";
import { useWords } from "../i18n/language";
import { Icon } from "../icons/Icon";
import type { Me } from "../session/me";
import { Push, thisBrowser } from "./push";

/** Whether this browser gets messages when the page is closed. Not there where that cannot be. */
export function PushSwitch({ api, me }: { api: Api; me: Me }) {
  const words = useWords().push;
  const [push] = useState(() => new Push(api, thisBrowser()));
  const state = useStore(push);
  useEffect(() => void push.start(), [push]);
  if (state === "unavailable") return null;
  const on = state === "on" || state === "silent";
  return (
    <button
      type="button"
      className="button quiet"
      data-push={state}
      aria-pressed={on}
      aria-disabled={state === "testing" || state === "blocked"}
      title={words.hint[state]}
      onClick={() => {
        if (state === "off") void push.turnOn();
        else if (on) void push.turnOff(me.id);
      }}
    >
      <Icon name="bell" />
      <span className="unseen-narrow">{words.label[state]}</span>
    </button>
  );
}
