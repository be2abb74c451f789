import { useStore } from "../app/store";
import { Icon } from "../icons/Icon";
import { useWords } from "../i18n/language";
import type { Siren } from "./siren";

/** A mute board is a danger that nobody notices: said as long as the browser keeps the sound shut. */
export function SoundHint({ siren }: { siren: Siren }) {
  const { sound: words } = useWords();
  if (!useStore(siren.blocked)) return null;
  return (
    <div className="sound-hint" role="status">
      <Icon name="mute" />
      <p>{words.blocked}</p>
      <button type="button" className="button" onClick={siren.unlock}>
        {words.unlock}
      </button>
    </div>
  );
}
