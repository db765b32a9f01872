import { expect, test } from "vitest";
import { EventReader } from "./events";

test("finds events however the text is cut", () => {
  const text = "data: one\n\n: a comment\n\ndata: two\ndata: lines\n\n";
  for (let cut = 1; cut < text.length; cut++) {
    const reader = new EventReader();
    const found = [...reader.feed(text.slice(0, cut)), ...reader.feed(text.slice(cut))];
    expect(found).toEqual(["one", "two\nlines"]);
  }
});

test("keeps what is not yet complete", () => {
  const reader = new EventReader();
  expect(reader.feed("data: half")).toEqual([]);
  expect(reader.feed("\n\n")).toEqual(["half"]);
});
