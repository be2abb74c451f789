/** What POST /auth/token answers (OAuth2, RFC 6749, 5.1). `expires_in` in seconds. */
export interface TokenAnswer {
  access_token: string;
  refresh_token: string;
  expires_in: number;
}

/** The tokens of one browser tab; `expires_ms` and `lifetime_ms` in milliseconds of the browser's clock. */
export interface Tokens {
  access_token: string;
  refresh_token: string;
  expires_ms: number;
  lifetime_ms: number;
}

export function tokensFrom(answer: TokenAnswer, nowMs: number): Tokens {
  const lifetime_ms = answer.expires_in * 1000;
  return {
    access_token: answer.access_token,
    refresh_token: answer.refresh_token,
    expires_ms: nowMs + lifetime_ms,
    lifetime_ms,
  };
}

/** Refresh with a fifth of the life left: early enough for several tries, late enough not to be a nuisance. */
export function dueForRefresh(tokens: Tokens, nowMs: number): boolean {
  return tokens.expires_ms - nowMs < tokens.lifetime_ms / 5;
}

export function expired(tokens: Tokens, nowMs: number): boolean {
  return tokens.expires_ms <= nowMs;
}

const KEY = "carebed.tokens";

/** Kept for the tab only, so that a shared desk's computer forgets them when the tab is closed. */
export function loadTokens(storage: Storage): Tokens | null {
  try {
    const tokens = JSON.parse(storage.getItem(KEY) ?? "null") as Tokens | null;
    return tokens && typeof tokens.refresh_token === "string" ? tokens : null;
  } catch {
    return null;
  }
}

export function saveTokens(storage: Storage, tokens: Tokens | null): void {
  if (tokens) storage.setItem(KEY, JSON.stringify(tokens));
  else storage.removeItem(KEY);
}
