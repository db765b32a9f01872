import { expect, test } from "vitest";
import { cutAtSpan, readableBytes, splitCitations } from "./text";

const known = (source: number) => source >= 1 && source <= 3;

test("splits an answer at its citations", () => {
  expect(splitCitations("It is five [1][3].", known)).toEqual([
    { text: "It is five " }, { source: 1 }, { source: 3 }, { text: "." },
  ]);
  expect(splitCitations("Both [1, 2] say so", known)).toEqual([
    { text: "Both " }, { source: 1 }, { source: 2 }, { text: " say so" },
  ]);
});

test("leaves brackets that are no citation alone", () => {
  expect(splitCitations("int a[9]; x[i]", known)).toEqual([{ text: "int a[9]; x[i]" }]);
});

test("cuts at byte spans, not characters", () => {
  const text = "é€ <here> 😀";
  expect(cutAtSpan(text, { begin: 6, end: 12 }, 100)).toEqual({ before: "é€ ", marked: "<here>", after: " 😀" });
});

test("never cuts a character in two", () => {
  expect(cutAtSpan("€€€", { begin: 4, end: 6 }, 2).marked).toBe("€");
});

test("says sizes readably", () => {
  expect(readableBytes(820)).toBe("820 B");
  expect(readableBytes(1536)).toBe("1.5 KiB");
});
