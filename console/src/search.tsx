import { useState } from "preact/hooks";
import { search, type Hit, type SearchReply } from "./api";

const STAGES = [
  { key: "dense", title: "Meaning", hint: "cosine similarity of the vectors" },
  { key: "bm25", title: "Words", hint: "BM25 of the words" },
  { key: "fused", title: "Fused", hint: "both, normalised and weighted" },
  { key: "rerank", title: "Rerank", hint: "the reranker's own score" },
] as const;

export function Search() {
  const [query, setQuery] = useState("");
  const [mode, setMode] = useState("hybrid");
  const [k, setK] = useState(10);
  const [reply, setReply] = useState<SearchReply>();
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);

  const run = async () => {
    if (!query.trim()) return;
    setBusy(true);
    setProblem("");
    try {
      setReply(await search({ query, k, mode }));
    } catch (error) {
      setProblem((error as Error).message);
    }
    setBusy(false);
  };

  return (
    <div class="page">
      <h1>Retrieval test</h1>
      <p class="quiet">What a question finds, and why: the same search that answers use.</p>
      <form class="search-form" onSubmit={(event) => { event.preventDefault(); void run(); }}>
        <input type="search" class="wide" placeholder="A question or some words" aria-label="Query" maxLength={1000} value={query} autofocus
          onInput={(event) => setQuery(event.currentTarget.value)} />
        <label>Index <select value={mode} onChange={(event) => setMode(event.currentTarget.value)}>
          <option value="hybrid">both</option><option value="dense">meaning</option><option value="keyword">words</option>
        </select></label>
        <label>Passages <input type="number" min={1} max={100} value={k} onInput={(event) => setK(Math.min(100, Math.max(1, Number(event.currentTarget.value) || 10)))} /></label>
        <button class="main" disabled={busy || !query.trim()}>{busy ? "Searching …" : "Search"}</button>
      </form>
      {problem && <p class="notice bad" role="alert">{problem}</p>}
      {reply?.warnings?.map((warning) => <p class="notice">{warning}</p>)}
      {reply && <p class="quiet" role="status">
        {reply.hits.length === 0 ? "Nothing was found." : `${reply.hits.length} passages`}
        {reply.timings_ms && Object.entries(reply.timings_ms).map(([stage, ms]) => ` · ${stage} ${ms.toFixed(1)} ms`).join("")}
      </p>}
      {reply && <ol class="hits">{reply.hits.map((hit, index) => <HitCard hit={hit} all={reply.hits} rank={index + 1} />)}</ol>}
    </div>
  );
}

function HitCard({ hit, all, rank }: { hit: Hit; all: Hit[]; rank: number }) {
  return (
    <li class="card hit">
      <p class="hit-title">
        <span class="quiet">{rank}</span> <a href={`#/documents/${encodeURIComponent(hit.document_id)}?span=${hit.span.begin}-${hit.span.end}`}>{hit.title || hit.source}</a>
        <span class="quiet file">{hit.source}</span>
      </p>
      {hit.title_path && <p class="path">{hit.title_path}</p>}
      <dl class="scores">
        {STAGES.map(({ key, title, hint }) => {
          const score = hit.scores[key];
          if (score === undefined || score === null) return null;
          const best = Math.max(...all.map((one) => one.scores[key] ?? 0), 1e-9);
          return <div title={hint}><dt>{title}</dt><dd><meter min={0} max={best} value={Math.max(0, score)} /> {score.toFixed(3)}</dd></div>;
        })}
      </dl>
      <p class="passage">{hit.text}</p>
    </li>
  );
}
