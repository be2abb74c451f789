import { describe, expect, it } from "vitest";
import { exampleAlarm } from "../alarms/example";
import { en } from "../i18n/en";
import { titleFor } from "./title";

describe("the document's title", () => {
  it("counts what is unanswered and names the most urgent", () => {
    const alarms = [
      exampleAlarm({ id: "a", state: "acknowledged" }),
      exampleAlarm({ id: "b" }),
      exampleAlarm({ id: "c" }),
    ];
    expect(titleFor(alarms, "live", en)).toBe("(2) SOS · Home 1");
    expect(titleFor([exampleAlarm({ kind: "new_kind" })], "live", en)).toBe("(1) new_kind · Home 1");
  });

  it("says of a drill that it is one, does not count it, and names a call in earnest before it", () => {
    expect(titleFor([exampleAlarm({ drill: true })], "live", en)).toBe("Drill: SOS · Home 1");
    expect(titleFor([exampleAlarm(), exampleAlarm({ id: "b", drill: true })], "live", en)).toBe("(1) SOS · Home 1");
  });

  it("is calm when all is taken, and says so when the line is lost", () => {
    expect(titleFor([exampleAlarm({ state: "en_route" })], "live", en)).toBe("Carebed · On call");
    expect(titleFor([exampleAlarm()], "lost", en)).toBe("!! Connection lost · Carebed");
  });
});
