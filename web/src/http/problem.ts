/** An RFC 9457 problem document, as far as the page reads it. A 409 on a move carries the alarm as it is now. */
export interface Problem {
  title?: string;
  status?: number;
  detail?: string;
  [extension: string]: unknown;
}

/** The server answered, and the answer was no. */
export class Refused extends Error {
  readonly status: number;
  readonly problem: Problem;
  /** Seconds after which it may be tried again, where the server said so. */
  readonly retryAfterS: number | null;

  constructor(status: number, problem: Problem, retryAfterS: number | null = null) {
    super(problem.detail ?? problem.title ?? `HTTP ${status}`);
    this.status = status;
    this.problem = problem;
    this.retryAfterS = retryAfterS;
  }

  static async from(response: Response): Promise<Refused> {
    const retryAfter = Number(response.headers.get("Retry-After") ?? NaN);
    return new Refused(response.status, await problemOf(response), Number.isFinite(retryAfter) ? retryAfter : null);
  }
}

/** No answer came: whether the request was carried out is not known. */
export class Unanswered extends Error {}

/** Nobody is signed in any more. */
export class SignedOut extends Error {}

/** Reads whatever body an error came with; a proxy's HTML page counts as no details. */
async function problemOf(response: Response): Promise<Problem> {
  try {
    const body: unknown = await response.json();
    return typeof body === "object" && body !== null ? (body as Problem) : {};
  } catch {
    return {};
  }
}
