import { Store } from "../app/store";
import { Refused, SignedOut, Unanswered } from "../http/problem";
import { dueForRefresh, expired, loadTokens, saveTokens, tokensFrom, type TokenAnswer, type Tokens } from "./tokens";

/** Why the sign-in form is shown: nobody has signed in yet, signed out by hand, or the session could not go on. */
export type SignedOutReason = "first" | "by_hand" | "ended";

export type SessionState = { signedIn: true } | { signedIn: false; reason: SignedOutReason };

const TOKEN_URL = "/api/v1/auth/token";
const SIGN_OUT_URL = "/api/v1/auth/sign-out";
const ANSWER_WITHIN_MS = 10_000;
/** After a refresh that got no answer: the next try. */
const RETRY_MS = 5_000;

export interface SessionParts {
  fetch: typeof fetch;
  storage: Storage;
  nowMs: () => number;
}

/** Who is signed in, in this tab: holds the tokens and keeps them fresh. */
export class Session extends Store<SessionState> {
  readonly #parts: SessionParts;
  #tokens: Tokens | null;
  #refreshing: Promise<void> | null = null;
  #triedMs = -Infinity;

  constructor(parts: SessionParts) {
    const tokens = loadTokens(parts.storage);
    super(tokens ? { signedIn: true } : { signedIn: false, reason: "first" });
    this.#parts = parts;
    this.#tokens = tokens;
  }

  /** Throws `Refused` for wrong credentials, `Unanswered` when the server cannot be reached. */
  async signIn(login: string, password: string): Promise<void> {
    this.#keep(await this.#ask({ grant_type: "password", username: login, password }));
    this.set({ signedIn: true });
  }

  /** Forgets the tokens here at once; signed out by hand, the server is told to forget them too. */
  signOut(reason: SignedOutReason = "by_hand"): void {
    if (reason === "by_hand" && this.#tokens) this.#tellServer(this.#tokens.access_token);
    this.#keep(null);
    this.set({ signedIn: false, reason });
  }

  /** The access token to send now; refreshed first if it has run out. Throws `SignedOut` or `Unanswered`. */
  async accessToken(): Promise<string> {
    if (this.#tokens && expired(this.#tokens, this.#parts.nowMs())) await this.refresh();
    if (!this.#tokens) throw new SignedOut();
    return this.#tokens.access_token;
  }

  /** To be called often: refreshes in the background well before the access token runs out. */
  tick(): void {
    const now = this.#parts.nowMs();
    if (!this.#tokens || !dueForRefresh(this.#tokens, now) || now - this.#triedMs < RETRY_MS) return;
    this.refresh().catch(() => undefined); // no answer: the next tick tries again; refused: the state says so
  }

  /**
   * One refresh at a time, whoever asks. A refusal ends the session; no answer leaves it as it is.
   * `used`: the access token that the server would not have; nothing is to do if a newer one is here already.
   */
  refresh(used?: string): Promise<void> {
    if (used !== undefined && this.#tokens && this.#tokens.access_token !== used) return Promise.resolve();
    this.#refreshing ??= this.#refresh().finally(() => (this.#refreshing = null));
    return this.#refreshing;
  }

  async #refresh(): Promise<void> {
    const tokens = this.#tokens;
    if (!tokens) throw new SignedOut();
    this.#triedMs = this.#parts.nowMs();
    try {
      const fresh = await this.#ask({ grant_type: "refresh_token", refresh_token: tokens.refresh_token });
      if (this.#tokens === tokens) this.#keep(fresh); // else signed out or in again while the answer was under way
    } catch (error) {
      if (!(error instanceof Refused) || error.status >= 500 || error.status === 429) throw error;
      if (this.#tokens === tokens) this.signOut("ended");
      throw new SignedOut();
    }
  }

  async #ask(form: Record<string, string>): Promise<Tokens> {
    const response = await this.#parts
      .fetch(TOKEN_URL, {
        method: "POST",
        body: new URLSearchParams(form),
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      })
      .catch(() => {
        throw new Unanswered();
      });
    if (!response.ok) throw await Refused.from(response);
    return tokensFrom((await response.json()) as TokenAnswer, this.#parts.nowMs());
  }

  #tellServer(token: string): void {
    const headers = { Authorization: `Bearer ${token}` };
    // Nobody waits for it: unanswered, the tokens run out by themselves.
    this.#parts.fetch(SIGN_OUT_URL, { method: "POST", headers, keepalive: true }).catch(() => undefined);
  }

  #keep(tokens: Tokens | null): void {
    this.#tokens = tokens;
    saveTokens(this.#parts.storage, tokens);
  }
}
