import { describe, expect, it } from "vitest";
import { coordinates, geoUri } from "./location";

describe("where it happened", () => {
  it("is read out with five digits and its accuracy, where that is known", () => {
    expect(coordinates({ lat: 26.0741234, lon: 119.2965, accuracy_m: 24.6 })).toBe("26.07412, 119.29650 ± 25 m");
    expect(coordinates({ lat: -1, lon: -180, accuracy_m: null })).toBe("-1.00000, -180.00000");
  });

  it("opens in the own map, with its uncertainty", () => {
    expect(geoUri({ lat: 26.0741234, lon: 119.2965, accuracy_m: 25 })).toBe("geo:26.0741234,119.2965;u=25");
    expect(geoUri({ lat: -1, lon: -180, accuracy_m: null })).toBe("geo:-1,-180");
  });
});
