/** A part of an answer: plain text, or a reference to a source by its number. */
export type Part = { text: string } | { source: number };

/** Splits an answer at its citations "[1]", "[2][3]", "[1, 3]"; numbers without a source stay text. */
export function splitCitations(answer: string, known: (source: number) => boolean): Part[] {
  const parts: Part[] = [];
  let last = 0;
  for (const match of answer.matchAll(/\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]/g)) {
    const numbers = match[1]!.split(",").map((text) => Number(text.trim()));
    if (!numbers.every(known)) continue;
    if (match.index > last) parts.push({ text: answer.slice(last, match.index) });
    for (const source of numbers) parts.push({ source });
    last = match.index + match[0].length;
  }
  if (last < answer.length) parts.push({ text: answer.slice(last) });
  return parts;
}

export type Span = { begin: number; end: number };

/** A text cut at a span, with at most `context` bytes on each side. Spans count UTF-8 bytes, as the server does. */
export function cutAtSpan(text: string, span: Span, context: number): { before: string; marked: string; after: string } {
  const bytes = new TextEncoder().encode(text);
  const decode = (from: number, to: number) => new TextDecoder().decode(bytes.slice(from, to));
  const boundary = (at: number) => {
    let place = Math.max(0, Math.min(at, bytes.length));
    while (place > 0 && place < bytes.length && (bytes[place]! & 0xc0) === 0x80) place--;
    return place;
  };
  const begin = boundary(span.begin);
  const end = Math.max(begin, boundary(span.end));
  return {
    before: decode(boundary(begin - context), begin),
    marked: decode(begin, end),
    after: decode(end, boundary(end + context)),
  };
}

export function readableBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB"];
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return unit === 0 ? `${bytes} B` : `${value.toFixed(1)} ${units[unit]}`;
}
