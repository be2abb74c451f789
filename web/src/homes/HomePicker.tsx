import { useDeferredValue, useState } from "react";
import type { Api } from "../http/api";
import { useLoaded } from "../http/use-loaded";
import { Icon } from "../icons/Icon";
import { useWords } from "../i18n/language";
import type { Home } from "./home";

/** Finds a home by a few letters of its name, address or resident. */
export function HomePicker({
  api,
  chosen,
  onChoose,
}: {
  api: Api;
  chosen: Home | null;
  onChoose: (home: Home) => void;
}) {
  const { raise: words } = useWords();
  const [typed, setTyped] = useState("");
  const query = useDeferredValue(typed.trim());
  const { value, failed } = useLoaded("homes", query, () =>
    api.json<{ items: Home[] }>(`/homes?q=${encodeURIComponent(query)}`),
  );
  return (
    <div className="home-picker">
      <label className="field">
        {words.search}
        <input
          type="search"
          value={typed}
          autoComplete="off"
          data-first
          onChange={(event) => setTyped(event.target.value)}
        />
      </label>
      <div className="home-choices" role="radiogroup" aria-label={words.search} tabIndex={-1}>
        {failed && <p role="alert">{words.searchFailed}</p>}
        {!value && !failed && <p className="dim">{words.searching}</p>}
        {value?.items.length === 0 && <p className="dim">{words.noHomes}</p>}
        {value?.items.map((home) => (
          <label key={home.id}>
            <input
              type="radio"
              name="home"
              value={home.id}
              checked={chosen?.id === home.id}
              onChange={() => onChoose(home)}
            />
            <Icon name="place" />
            <span>
              <strong>{[home.name, ...(home.residents ?? []).map((one) => one.name)].join(" · ")}</strong>
              <span className="dim">{[home.address, home.area_name].filter(Boolean).join(" · ")}</span>
            </span>
          </label>
        ))}
      </div>
    </div>
  );
}
