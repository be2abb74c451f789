import { Icon } from "../icons/Icon";
import { useWords } from "../i18n/language";
import type { Parts } from "./App";
import { useStore } from "./store";

/** The two switches that every page has: language, and light or dark. */
export function Preferences({ parts }: { parts: Parts }) {
  const words = useWords();
  const theme = useStore(parts.theme);
  const label = theme === "dark" ? words.theme.toLight : words.theme.toDark;
  return (
    <>
      <button
        type="button"
        className="button quiet"
        lang={words.otherLanguage === "中文" ? "zh-CN" : "en"}
        onClick={() => parts.language.switch()}
      >
        {words.otherLanguage}
      </button>
      <button
        type="button"
        className="button quiet square"
        onClick={() => parts.theme.switch()}
        aria-label={label}
        title={label}
      >
        <Icon name={theme === "dark" ? "sun" : "moon"} />
      </button>
    </>
  );
}
