import { useWords } from "../i18n/language";
import type { Location } from "./alarm";
import { coordinates, geoUri } from "./location";

/** Where the device says that it happened: to be read out, and to be opened in whatever map this computer has. */
export function WhereItHappened({ location }: { location: Location }) {
  const { card } = useWords();
  return (
    <a className="where" href={geoUri(location)} title={card.openMap} onClick={(event) => event.stopPropagation()}>
      {coordinates(location)}
    </a>
  );
}
