import { useEffect, useRef, useState } from "preact/hooks";
import { chat, documents, type Source } from "./api";
import { splitCitations } from "./text";
import { SourceCard, SourceText } from "./source_view";

type Turn = { question: string; answer: string; sources: Source[]; declined: boolean; state: "running" | "done" | "stopped" | "failed"; error?: string };

// Kept outside the component so that a look at another page does not lose the conversation.
let kept: Turn[] = [];

export function Chat() {
  const [turns, setTurns] = useState<Turn[]>(kept);
  const [draft, setDraft] = useState("");
  const [open, setOpen] = useState<Source>();
  const [empty, setEmpty] = useState(false);
  const running = useRef<AbortController>();
  const last = useRef<HTMLElement>(null);
  const box = useRef<HTMLTextAreaElement>(null);
  const busy = turns.at(-1)?.state === "running";

  useEffect(() => void documents().then((all) => setEmpty(all.length === 0)).catch(() => undefined), []);
  useEffect(() => () => running.current?.abort(), []);
  // A new question goes to the top once; after that the page is the reader's.
  useEffect(() => last.current?.scrollIntoView({ block: "start" }), [turns.length]);

  const change = (update: (turn: Turn) => Turn) => {
    kept = kept.map((turn, index) => (index === kept.length - 1 ? update(turn) : turn));
    setTurns(kept);
  };

  const ask = async (question: string) => {
    if (!question.trim() || busy) return;
    setDraft("");
    kept = [...kept, { question, answer: "", sources: [], declined: false, state: "running" }];
    setTurns(kept);
    const abort = new AbortController();
    running.current = abort;
    try {
      for await (const event of chat([{ role: "user", content: question }], abort.signal)) {
        change((turn) => ({
          ...turn, answer: turn.answer + (event.text ?? ""), sources: event.sources ?? turn.sources,
          declined: event.declined ?? turn.declined,
        }));
      }
      change((turn) => ({ ...turn, state: "done" }));
    } catch (error) {
      const stopped = abort.signal.aborted;
      change((turn) => ({ ...turn, state: stopped ? "stopped" : "failed", error: stopped ? undefined : (error as Error).message }));
    }
    box.current?.focus();
  };

  return (
    <div class={open ? "chat with-source" : "chat"}>
      <section class="conversation" aria-label="Conversation">
        {turns.length === 0 && (
          <div class="welcome">
            <h1>Ask your documents</h1>
            {empty
              ? <p>There are no documents yet. <a href="#/documents">Add some</a>, then ask about them.</p>
              : <p>Answers rest on your documents; each has its sources. Nothing leaves this machine.</p>}
          </div>
        )}
        <div aria-live="polite">
          {turns.map((turn, index) => (
            <article class="turn" ref={index === turns.length - 1 ? last : undefined}>
              <p class="question">{turn.question}</p>
              <Answer turn={turn} onOpen={setOpen} />
            </article>
          ))}
        </div>
        <form class="composer" onSubmit={(event) => { event.preventDefault(); void ask(draft); }}>
          <textarea
            ref={box} rows={2} maxLength={1000} placeholder="Ask a question" aria-label="Question" value={draft} autofocus
            onInput={(event) => setDraft(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); void ask(draft); }
              if (event.key === "Escape" && busy) running.current?.abort();
            }}
          />
          {busy
            ? <button type="button" class="main" onClick={() => running.current?.abort()}>Stop</button>
            : <button class="main" disabled={!draft.trim()}>Ask</button>}
        </form>
      </section>
      {open && (
        <aside class="source-pane" aria-label="Source">
          <button class="quiet close" aria-label="Close the source" onClick={() => setOpen(undefined)}>×</button>
          <h2><span class="pill">{open.index}</span> {open.title || open.source}</h2>
          {open.title_path && <p class="path">{open.title_path}</p>}
          <p><a href={`#/documents/${encodeURIComponent(open.document_id)}?span=${open.span.begin}-${open.span.end}`}>Open the whole document</a></p>
          <SourceText id={open.document_id} span={open.span} context={1500} />
        </aside>
      )}
    </div>
  );
}

function Answer({ turn, onOpen }: { turn: Turn; onOpen: (source: Source) => void }) {
  const find = (index: number) => turn.sources.find((source) => source.index === index);
  const parts = splitCitations(turn.answer, (index) => find(index) !== undefined);
  return (
    <div class="answer">
      <p class={turn.declined ? "text declined" : "text"}>
        {parts.map((part) => "text" in part ? part.text : (
          <button class="pill" title={find(part.source)!.title} aria-label={`Open source ${part.source}`} onClick={() => onOpen(find(part.source)!)}>
            {part.source}
          </button>
        ))}
        {turn.state === "running" && <span class="caret" aria-label="answering" />}
      </p>
      {turn.state === "stopped" && <p class="quiet">Stopped.</p>}
      {turn.state === "failed" && <p class="notice bad" role="alert">{turn.error}</p>}
      {turn.sources.length > 0 && (
        <details class="sources" open>
          <summary>{turn.sources.length === 1 ? "1 source" : `${turn.sources.length} sources`}</summary>
          {turn.sources.map((source) => <SourceCard source={source} onOpen={() => onOpen(source)} />)}
        </details>
      )}
    </div>
  );
}
