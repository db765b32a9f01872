import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { actOnJob, deleteDocument, documents, jobs, upload, type DocumentRow, type Job } from "./api";
import { readableBytes } from "./text";

const FINAL = new Set(["ready", "ready_with_warnings", "unchanged", "failed", "cancelled"]);
const KINDS = ".html,.htm,.md,.markdown,.txt,.pdf,.docx,.csv,.json,.jsonl";
const SHOWN = 200;

export function Documents() {
  const [rows, setRows] = useState<DocumentRow[]>();
  const [work, setWork] = useState<Job[]>([]);
  const [filter, setFilter] = useState("");
  const [asked, setAsked] = useState("");
  const [dragging, setDragging] = useState(false);
  const [problem, setProblem] = useState("");
  const [turn, setTurn] = useState(0);
  const picker = useRef<HTMLInputElement>(null);

  const refresh = useCallback(async () => {
    try {
      const [all, recent] = await Promise.all([documents(), jobs()]);
      setRows(all);
      setWork(recent);
      return recent.some((job) => !FINAL.has(job.state));
    } catch (error) {
      setProblem((error as Error).message);
      return false;
    }
  }, []);

  // Looks at once after each action, then every second while something is being read, else every ten.
  useEffect(() => {
    let timer = 0;
    let current = true;
    const look = async () => {
      const busy = await refresh();
      if (current) timer = window.setTimeout(() => void look(), busy ? 1000 : 10000);
    };
    void look();
    return () => { current = false; clearTimeout(timer); };
  }, [refresh, turn]);

  const send = async (files: { file: File; name: string }[]) => {
    setProblem("");
    try {
      for (let at = 0; at < files.length; at += 32) await upload(files.slice(at, at + 32));
    } catch (error) {
      setProblem((error as Error).message);
    }
    setTurn((now) => now + 1);
  };
  const act = async (what: Promise<unknown>) => {
    try {
      await what;
      setProblem("");
    } catch (error) {
      setProblem((error as Error).message);
    }
    setAsked("");
    setTurn((now) => now + 1);
  };

  const running = work.filter((job) => !FINAL.has(job.state));
  const troubled = work.filter((job) => job.state === "failed" || job.state === "cancelled" || (job.warnings?.length ?? 0) > 0);
  const shown = (rows ?? []).filter((row) => `${row.source} ${row.title}`.toLowerCase().includes(filter.toLowerCase()));

  return (
    <div
      class={dragging ? "page dropping" : "page"}
      onDragOver={(event) => { event.preventDefault(); setDragging(true); }}
      onDragLeave={(event) => { if (event.currentTarget === event.target) setDragging(false); }}
      onDrop={async (event) => { event.preventDefault(); setDragging(false); await send(await dropped(event.dataTransfer!)); }}
    >
      <div class="row">
        <h1>Documents</h1>
        <button class="main" onClick={() => picker.current?.click()}>Add documents</button>
        <input
          ref={picker} type="file" multiple hidden accept={KINDS}
          onChange={async (event) => {
            const chosen = [...(event.currentTarget.files ?? [])];
            event.currentTarget.value = "";
            await send(chosen.map((file) => ({ file, name: file.name })));
          }}
        />
      </div>
      <p class="drop-hint">Drop files or folders anywhere on this page: html, md, txt, pdf, docx, csv, json, jsonl.</p>
      {problem && <p class="notice bad" role="alert">{problem}</p>}

      {running.length > 0 && (
        <section aria-label="Being read">
          <h2>Being read <span class="quiet">{running.length}</span></h2>
          {running.slice(0, 20).map((job) => <JobRow job={job} onAct={act} />)}
          {running.length > 20 && <p class="quiet">and {running.length - 20} more</p>}
        </section>
      )}
      {troubled.length > 0 && (
        <section aria-label="Needs attention">
          <h2>Needs attention</h2>
          {troubled.slice(0, 20).map((job) => <JobRow job={job} onAct={act} />)}
        </section>
      )}

      <section aria-label="All documents">
        <div class="row">
          <h2>Searchable <span class="quiet">{rows?.length ?? ""}</span></h2>
          <input type="search" placeholder="Filter by name" aria-label="Filter by name" value={filter} onInput={(event) => setFilter(event.currentTarget.value)} />
        </div>
        {rows && rows.length === 0 && <p class="quiet">Nothing yet.</p>}
        {shown.length > 0 && (
          <table>
            <thead><tr><th>Document</th><th class="number">Passages</th><th class="number">Size</th><th><span class="hidden">Actions</span></th></tr></thead>
            <tbody>
              {shown.slice(0, SHOWN).map((row) => (
                <tr>
                  <td><a href={`#/documents/${encodeURIComponent(row.id)}`}>{row.title || row.source}</a><span class="quiet file">{row.source}</span></td>
                  <td class="number">{row.chunks}</td>
                  <td class="number">{readableBytes(row.bytes)}</td>
                  <td class="actions">
                    {asked === row.id
                      ? <><button class="danger" onClick={() => act(deleteDocument(row.id))}>Delete it</button> <button onClick={() => setAsked("")}>Keep</button></>
                      : <button aria-label={`Delete ${row.source}`} onClick={() => setAsked(row.id)}>Delete</button>}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
        {shown.length > SHOWN && <p class="quiet">{shown.length - SHOWN} more; filter to find them.</p>}
      </section>
    </div>
  );
}

function JobRow({ job, onAct }: { job: Job; onAct: (what: Promise<unknown>) => Promise<void> }) {
  const { done, total } = job.progress;
  const over = FINAL.has(job.state);
  return (
    <div class="job">
      <span class={`dot ${job.state}`} aria-hidden="true" />
      <span class="job-name">{job.source}<span class="quiet file">{job.error || job.warnings?.[0] || job.state.replaceAll("_", " ")}</span></span>
      {!over && <progress aria-label={`Progress of ${job.source}`} max={total || 1} value={total ? done : undefined} />}
      {!over && <button onClick={() => onAct(actOnJob(job.id, "cancel"))}>Cancel</button>}
      {(job.state === "failed" || job.state === "cancelled") && <button onClick={() => onAct(actOnJob(job.id, "retry"))}>Retry</button>}
    </div>
  );
}

/** Every file that was dropped, those in folders too, with its path as name. */
async function dropped(transfer: DataTransfer): Promise<{ file: File; name: string }[]> {
  const found: { file: File; name: string }[] = [];
  const walk = async (entry: FileSystemEntry): Promise<void> => {
    if (entry.isFile) {
      const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
      if (!file.name.startsWith(".")) found.push({ file, name: entry.fullPath.replace(/^\//, "") });
      return;
    }
    const reader = (entry as FileSystemDirectoryEntry).createReader();
    for (;;) {
      const batch = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
      if (batch.length === 0) return;
      for (const one of batch) await walk(one);
    }
  };
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  for (const entry of entries) await walk(entry);
  return found;
}
