import { describe, expect, it } from "vitest";
import { SseParser, type SseEvent } from "./sse";

const stream = [
  ": beat",
  "",
  "event: open",
  'data: {"items": []}',
  "",
  "event: alarm",
  "id: 41",
  'data: {"kind": "sos",',
  'data: "why": "按下了按钮"}',
  "",
  ": beat",
  "",
  "data:no space",
  "",
  "",
].join("\n");

const expected: SseEvent[] = [
  { type: "open", data: '{"items": []}', id: "" },
  { type: "alarm", data: '{"kind": "sos",\n"why": "按下了按钮"}', id: "41" },
  { type: "message", data: "no space", id: "41" },
];

function read(text: string, size: number): SseEvent[] {
  const parser = new SseParser();
  const events: SseEvent[] = [];
  for (let at = 0; at < text.length; at += size) events.push(...parser.push(text.slice(at, at + size)));
  return events;
}

describe("the stream parser", () => {
  it.each([1, 2, 3, 5, 7, 64, 10_000])("reads the same events in chunks of %i characters", (size) => {
    expect(read(stream, size)).toEqual(expected);
  });

  it.each([1, 2, 3, 10_000])("takes CRLF and lone CR for line ends, in chunks of %i", (size) => {
    expect(read(stream.replaceAll("\n", "\r\n"), size)).toEqual(expected);
    expect(read(stream.replaceAll("\n", "\r"), size)).toEqual(expected);
  });

  it("does not take the LF after a split CR for an empty line", () => {
    const parser = new SseParser();
    expect(parser.push("event: alarm\r")).toEqual([]);
    expect(parser.push("\ndata: 1\r")).toEqual([]);
    expect(parser.push("\n\r")).toEqual([{ type: "alarm", data: "1", id: "" }]);
    expect(parser.push("\ndata: 2\n\n")).toEqual([{ type: "message", data: "2", id: "" }]);
  });

  it("says nothing on comments, unknown fields and events without data", () => {
    expect(read(": beat\n\nretry: 500\nevent: alarm\n\nid: 7\n\n", 4)).toEqual([]);
  });

  it("remembers the id of an event that had no data, for the reconnect", () => {
    expect(read("id: 7\n\ndata: x\n\n", 100)).toEqual([{ type: "message", data: "x", id: "7" }]);
  });

  it("keeps an unfinished event to itself", () => {
    expect(read("event: alarm\ndata: half", 3)).toEqual([]);
  });
});
