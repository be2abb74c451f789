import type { Alarm, Outcome } from "./alarm";
import type { Move } from "./moves";
import { Refused, SignedOut, Unanswered } from "../http/problem";

/** The body of a move; `at` is when it was clicked. */
export interface MoveBody {
  at?: string;
  step?: number;
  note?: string;
  responder?: string;
  outcome?: Outcome;
  reference?: string;
}

/** One click: its key and body stay the same however often it has to be sent. */
export interface Attempt {
  alarm: string;
  move: Move;
  key: string;
  body: MoveBody;
}

export type Result =
  | { kind: "done"; alarm: Alarm; stale: boolean }
  /** The state no longer allows it; `alarm` is what it is now, where the server said so. */
  | { kind: "conflict"; alarm: Alarm | null; detail: string }
  | { kind: "refused"; status: number; detail: string }
  /** No answer: whether it was carried out is not known. Sending the same attempt again is safe. */
  | { kind: "unanswered" }
  | { kind: "signed_out" };

/** Pauses before the second and third sending, in milliseconds. */
const PAUSES_MS = [600, 1_500];

/** Sends an attempt until there is an answer, at most three times, always under the same key. */
export async function send(
  attempt: Attempt,
  post: (attempt: Attempt) => Promise<Alarm & { stale?: boolean }>,
  pause: (ms: number) => Promise<void>,
): Promise<Result> {
  for (const wait of [...PAUSES_MS, null]) {
    try {
      const { stale = false, ...alarm } = await post(attempt);
      return { kind: "done", alarm, stale };
    } catch (error) {
      const result = resultOf(error);
      if (result.kind !== "unanswered" || wait === null) return result;
      await pause(wait);
    }
  }
  return { kind: "unanswered" };
}

function resultOf(error: unknown): Result {
  if (error instanceof SignedOut) return { kind: "signed_out" };
  if (error instanceof Unanswered) return { kind: "unanswered" };
  if (!(error instanceof Refused)) throw error;
  if (error.status === 409) {
    const alarm = error.problem["alarm"] as Alarm | undefined;
    return { kind: "conflict", alarm: alarm ?? null, detail: error.problem.detail ?? "" };
  }
  // A gateway that found nobody behind it, or a server in its start: as good as no answer.
  if ([502, 503, 504].includes(error.status)) return { kind: "unanswered" };
  return { kind: "refused", status: error.status, detail: error.problem.detail ?? error.problem.title ?? "" };
}
