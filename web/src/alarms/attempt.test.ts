import { describe, expect, it } from "vitest";
import { Refused, SignedOut, Unanswered } from "../http/problem";
import { send, type Attempt } from "./attempt";
import { exampleAlarm } from "./example";

const attempt: Attempt = { alarm: "a1", move: "acknowledge", key: "k1", body: { step: 1 } };

/** Answers the sendings one after another with these; an Error is thrown. */
function script(...answers: (Error | ReturnType<typeof exampleAlarm>)[]) {
  const sent: Attempt[] = [];
  const pauses: number[] = [];
  const result = send(
    attempt,
    (one) => {
      sent.push(one);
      const answer = answers[sent.length - 1];
      if (answer === undefined) throw new Error("sent once too often");
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
    (ms) => Promise.resolve(void pauses.push(ms)),
  );
  return { sent, pauses, result };
}

describe("sending a move", () => {
  it("is done when the server says so", async () => {
    const alarm = exampleAlarm({ version: 2, state: "acknowledged" });
    expect(await script(alarm).result).toEqual({ kind: "done", alarm, stale: false });
    expect(await script({ ...alarm, stale: true } as never).result).toEqual({ kind: "done", alarm, stale: true });
  });

  it("is sent again under the same key when no answer comes", async () => {
    const { result, sent, pauses } = script(new Unanswered(), new Refused(503, {}), exampleAlarm());
    expect((await result).kind).toBe("done");
    expect(sent.map((one) => one.key)).toEqual(["k1", "k1", "k1"]);
    expect(pauses.length).toBe(2);
  });

  it("is never called done without an answer", async () => {
    const { result, sent } = script(new Unanswered(), new Unanswered(), new Unanswered());
    expect(await result).toEqual({ kind: "unanswered" });
    expect(sent.length).toBe(3);
  });

  it("takes a refusal for an answer, and does not ask again", async () => {
    const now = exampleAlarm({ version: 9, state: "resolved" });
    expect(await script(new Refused(409, { detail: "Closed.", alarm: now })).result).toEqual({
      kind: "conflict",
      alarm: now,
      detail: "Closed.",
    });
    expect(await script(new Refused(403, { title: "Forbidden" })).result).toEqual({
      kind: "refused",
      status: 403,
      detail: "Forbidden",
    });
    expect(await script(new SignedOut()).result).toEqual({ kind: "signed_out" });
  });

  it("hides no error of its own", async () => {
    await expect(script(new RangeError("a bug")).result).rejects.toThrow("a bug");
  });
});
