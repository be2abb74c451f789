import type { Location } from "./alarm";

/** Coordinates as one reads them out: `26.07412, 119.29651 ± 25 m`. Five digits are about a metre. */
export function coordinates({ lat, lon, accuracy_m }: Location): string {
  const where = `${lat.toFixed(5)}, ${lon.toFixed(5)}`;
  return accuracy_m === null ? where : `${where} ± ${Math.round(accuracy_m)} m`;
}

/** What the telephone's or computer's own map opens (RFC 5870); no map of somebody else's is asked. */
export function geoUri({ lat, lon, accuracy_m }: Location): string {
  return `geo:${lat},${lon}` + (accuracy_m === null ? "" : `;u=${accuracy_m}`);
}
