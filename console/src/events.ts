/** Reads server-sent events out of text that is cut anywhere. Only `data` matters here; comments are dropped. */
export class EventReader {
  private buffer = "";

  /** The data of every event that `piece` completes, in order. */
  feed(piece: string): string[] {
    this.buffer += piece;
    const found: string[] = [];
    for (;;) {
      const end = /\r\n\r\n|\n\n|\r\r/.exec(this.buffer);
      if (!end) return found;
      const block = this.buffer.slice(0, end.index);
      this.buffer = this.buffer.slice(end.index + end[0].length);
      const lines = block.split(/\r\n|\n|\r/).filter((line) => line.startsWith("data:"));
      if (lines.length > 0) found.push(lines.map((line) => line.slice(5).replace(/^ /, "")).join("\n"));
    }
  }
}
