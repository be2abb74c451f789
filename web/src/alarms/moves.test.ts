import { describe, expect, it } from "vitest";
import type { Me, Role } from "../session/me";
import { exampleAlarm, exampleResponse } from "./example";
import { KEY_OF, likelyResponder, MOVES, nextMove, permittedMoves } from "./moves";

const person = (role: Role): Me => ({
  id: "me",
  login: role,
  name: role,
  role,
  area: "350102000000",
  area_name: "Gulou",
});
const operator = person("operator");
const mine = { type: "staff", id: "me", name: "operator" } as const;

describe("the moves a person may make", () => {
  it("offers the desk everything that a raised alarm allows, acknowledging first", () => {
    const moves = permittedMoves(exampleAlarm(), operator, "me");
    expect(moves).toEqual(["acknowledge", "accept", "en-route", "arrive", "resolve", "escalate", "comment"]);
    expect(nextMove(moves)).toBe("acknowledge");
  });

  it("does not ask the holder to acknowledge again, but does so once the acknowledgement has expired", () => {
    const held = exampleAlarm({ state: "acknowledged", owner: mine });
    expect(permittedMoves(held, operator, "me")).not.toContain("acknowledge");
    expect(permittedMoves(held, operator, "me")).toContain("hand-back");
    expect(permittedMoves({ ...held, state: "raised" }, operator, "me")).toContain("acknowledge");
    expect(permittedMoves({ ...held, owner: { ...mine, id: "other" } }, operator, "me")).toContain("acknowledge");
  });

  it("walks one responder through accept, en route, arrive, leave", () => {
    const at = (...states: Parameters<typeof exampleResponse>[1][]) =>
      states.map((state) =>
        nextMove(
          permittedMoves(
            exampleAlarm({ owner: mine, state: "acknowledged", responses: [exampleResponse("p", state)] }),
            operator,
            "p",
          ),
        ),
      );
    expect(at("called", "accepted", "en_route", "arrived")).toEqual(["accept", "en-route", "arrive", "resolve"]);
  });

  it("lets who should have been there say that he still comes", () => {
    const late = { ...exampleResponse("p", "en_route"), overdue_at: "2026-11-22T04:30:00Z" };
    expect(permittedMoves(exampleAlarm({ responses: [late] }), operator, "p")).toContain("en-route");
    expect(permittedMoves(exampleAlarm({ responses: [{ ...late, overdue_at: null }] }), operator, "p")).not.toContain(
      "en-route",
    );
    expect(nextMove(["en-route", "arrive"], late)).toBe("arrive");
  });

  it("lets only one who is called decline, and only one who is on it hand back", () => {
    const moves = (state: Parameters<typeof exampleResponse>[1]) =>
      permittedMoves(exampleAlarm({ responses: [exampleResponse("p", state)] }), operator, "p");
    expect(moves("called")).toContain("decline");
    expect(moves("accepted")).not.toContain("decline");
    expect(moves("accepted")).toContain("hand-back");
    expect(moves("declined")).not.toContain("hand-back");
    expect(moves("declined")).toContain("accept");
  });

  it("gives a caregiver no desk moves, and resolving only while active", () => {
    const called = exampleAlarm({ responses: [exampleResponse("me", "called")] });
    expect(permittedMoves(called, person("caregiver"), "me")).toEqual([
      "accept",
      "en-route",
      "arrive",
      "decline",
      "comment",
    ]);
    const there = exampleAlarm({ responses: [exampleResponse("me", "arrived")] });
    expect(permittedMoves(there, person("caregiver"), "me")).toEqual(["leave", "resolve", "hand-back", "comment"]);
  });

  it("sends nobody to the door for a drill, and opens none again", () => {
    const moves = permittedMoves(exampleAlarm({ drill: true, responses: [exampleResponse("me", "called")] }), operator, "me");
    expect(moves).toEqual(["acknowledge", "accept", "resolve", "decline", "escalate", "comment"]);
    const closed = exampleAlarm({ drill: true, state: "resolved", outcome: "not_answered", closed_at: "2026-11-22T04:05:00Z" });
    expect(permittedMoves(closed, operator, "me")).toEqual(["comment"]);
  });

  it("lets a supervisor only look", () => {
    expect(permittedMoves(exampleAlarm(), person("supervisor"), "me")).toEqual([]);
  });

  it("leaves a closed alarm to be reopened by the desk", () => {
    const closed = exampleAlarm({ state: "resolved", outcome: "test", closed_at: "2026-11-22T04:05:00Z" });
    expect(permittedMoves(closed, operator, "me")).toEqual(["reopen", "comment"]);
    expect(permittedMoves(closed, person("caregiver"), "me")).toEqual(["comment"]);
  });
});

describe("the likely responder", () => {
  it("is whoever is furthest on the way, else oneself", () => {
    const responses = [
      exampleResponse("a", "called"),
      exampleResponse("b", "accepted"),
      exampleResponse("c", "en_route"),
    ];
    expect(likelyResponder(exampleAlarm({ responses }), operator)).toBe("c");
    expect(likelyResponder(exampleAlarm({ responses: responses.slice(0, 1) }), operator)).toBe("me");
    const late = { ...exampleResponse("d", "en_route"), overdue_at: "2026-11-22T04:30:00Z" };
    expect(likelyResponder(exampleAlarm({ responses: [late, ...responses.slice(0, 2)] }), operator)).toBe("b");
    expect(likelyResponder(exampleAlarm({ responses: [late] }), operator)).toBe("d");
    expect(likelyResponder(exampleAlarm({ responses }), person("caregiver"))).toBe("me");
  });
});

describe("the keys", () => {
  it("are one for each move", () => {
    expect(new Set(MOVES.map((move) => KEY_OF[move])).size).toBe(MOVES.length);
  });
});
