import { useEffect, useRef, useState } from "preact/hooks";
import { documentText, type DocumentRow, type Source } from "./api";
import { cutAtSpan, readableBytes, type Span } from "./text";

/** One source of an answer, as a card that opens it. */
export function SourceCard({ source, onOpen }: { source: Source; onOpen: () => void }) {
  return (
    <button class="source-card" onClick={onOpen}>
      <span class="pill">{source.index}</span>
      <span>
        <strong>{source.title || source.source}</strong>
        {source.page ? <span class="quiet"> page {source.page}</span> : null}
        {source.title_path && <span class="path">{source.title_path}</span>}
        {source.quote && <q>{source.quote.length > 220 ? source.quote.slice(0, 220) + "…" : source.quote}</q>}
        <span class="quiet file">{source.source}</span>
      </span>
    </button>
  );
}

/** The document's text around a span, with the span marked and scrolled to. */
export function SourceText({ id, span, context }: { id: string; span?: Span; context: number }) {
  const [text, setText] = useState<string>();
  const [problem, setProblem] = useState("");
  const mark = useRef<HTMLElement>(null);
  useEffect(() => {
    setText(undefined);
    setProblem("");
    let current = true;
    documentText(id).then(
      (reply) => current && setText(reply.text),
      (error) => current && setProblem((error as Error).message),
    );
    return () => { current = false; };
  }, [id]);
  useEffect(() => mark.current?.scrollIntoView({ block: "center" }), [text, span?.begin]);
  if (problem) return <p class="notice bad" role="alert">{problem}</p>;
  if (text === undefined) return <p class="quiet">Loading …</p>;
  if (!span) return <pre class="document">{text}</pre>;
  const { before, marked, after } = cutAtSpan(text, span, context);
  return <pre class="document">{before}<mark ref={mark}>{marked}</mark>{after}</pre>;
}

/** A page for one document: "#/documents/ID?span=begin-end". */
export function SourceView({ id, query }: { id: string; query: URLSearchParams }) {
  const [row, setRow] = useState<DocumentRow>();
  useEffect(() => void documentText(id).then((reply) => setRow(reply.document)).catch(() => undefined), [id]);
  const match = /^(\d+)-(\d+)$/.exec(query.get("span") ?? "");
  const span = match ? { begin: Number(match[1]), end: Number(match[2]) } : undefined;
  return (
    <article class="page">
      <p><a href="#/documents">← Documents</a></p>
      <h1>{row?.title || row?.source || "Document"}</h1>
      {row && <p class="quiet">{row.source} · {row.mime} · {readableBytes(row.bytes)} · {row.chunks} passages</p>}
      <SourceText id={id} span={span} context={1e9} />
    </article>
  );
}
