/** One server-sent event, as far as the live stream needs it. */
export interface SseEvent {
  type: string;
  data: string;
  /** The last id the stream has named, this event's or an earlier one's; empty before the first. */
  id: string;
}

/**
 * Reads `text/event-stream` from decoded text in chunks of any size (WHATWG HTML, 9.2.6).
 *
 * The browser's own EventSource cannot send a bearer header and tells nobody of comment lines, and the beats that prove
 * the line alive are comments.
 */
export class SseParser {
  #rest = "";
  #skipLineFeed = false;
  #type = "";
  #data: string[] = [];
  #id = "";

  /** Takes the next piece of text and returns the events that it completed, in order. */
  push(text: string): SseEvent[] {
    const events: SseEvent[] = [];
    // A CR that ended the last chunk has ended its line already; the LF of the same CRLF is not a second end.
    let buffer = this.#rest + (this.#skipLineFeed && text.startsWith("\n") ? text.slice(1) : text);
    if (text !== "") this.#skipLineFeed = false;
    for (;;) {
      const end = buffer.search(/[\r\n]/);
      if (end < 0) break;
      const line = buffer.slice(0, end);
      const isCr = buffer[end] === "\r";
      if (isCr && end + 1 === buffer.length) this.#skipLineFeed = true;
      buffer = buffer.slice(isCr && buffer[end + 1] === "\n" ? end + 2 : end + 1);
      const event = this.#line(line);
      if (event) events.push(event);
    }
    this.#rest = buffer;
    return events;
  }

  #line(line: string): SseEvent | null {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    if (colon === 0) return null; // a comment: a beat
    const field = colon < 0 ? line : line.slice(0, colon);
    const raw = colon < 0 ? "" : line.slice(colon + 1);
    const value = raw.startsWith(" ") ? raw.slice(1) : raw;
    if (field === "event") this.#type = value;
    else if (field === "data") this.#data.push(value);
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    return null;
  }

  #dispatch(): SseEvent | null {
    const event = { type: this.#type || "message", data: this.#data.join("\n"), id: this.#id };
    const empty = this.#data.length === 0;
    this.#type = "";
    this.#data = [];
    return empty ? null : event;
  }
}
