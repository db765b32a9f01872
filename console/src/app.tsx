import { useCallback, useEffect, useState } from "preact/hooks";
import { ApiError, apiKey, config, type Config } from "./api";
import { Chat } from "./chat";
import { Documents } from "./documents";
import { useRoute } from "./route";
import { Search } from "./search";
import { SourceView } from "./source_view";

const PAGES = [
  { page: "chat", title: "Chat" },
  { page: "documents", title: "Documents" },
  { page: "search", title: "Retrieval test" },
];

export function App() {
  const route = useRoute();
  const [settings, setSettings] = useState<Config>();
  const [locked, setLocked] = useState(false);
  const [problem, setProblem] = useState("");

  const load = useCallback(async () => {
    try {
      setSettings(await config());
      setLocked(false);
      setProblem("");
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) setLocked(true);
      else setProblem((error as Error).message);
    }
  }, []);
  useEffect(() => void load(), [load]);

  return (
    <>
      <a class="skip" href="#main">Skip to content</a>
      <header class="bar">
        <a class="brand" href="#/chat"><img src="/opaline.svg" alt="" width="22" height="22" /> Opaline</a>
        <nav aria-label="Pages">
          {PAGES.map(({ page, title }) => (
            <a href={`#/${page}`} aria-current={route.page === page ? "page" : undefined}>{title}</a>
          ))}
        </nav>
        <a class="quiet api" href="/docs" target="_blank" rel="noreferrer">API</a>
      </header>
      {problem && <p class="notice bad" role="alert">{problem} <button onClick={() => void load()}>Try again</button></p>}
      <main id="main">
        {locked ? <Key onDone={() => void load()} /> : !settings ? null
          : route.page === "documents" && route.id ? <SourceView id={route.id} query={route.query} />
          : route.page === "documents" ? <Documents />
          : route.page === "search" ? <Search />
          : <Chat />}
      </main>
    </>
  );
}

function Key({ onDone }: { onDone: () => void }) {
  const [key, setKey] = useState("");
  return (
    <form class="card narrow" onSubmit={(event) => { event.preventDefault(); apiKey.set(key.trim()); onDone(); }}>
      <h1>This server asks for a key</h1>
      <p>It is kept in this tab only, until you close it.</p>
      <label>API key <input type="password" autocomplete="off" value={key} onInput={(event) => setKey(event.currentTarget.value)} /></label>
      <button class="main">Continue</button>
    </form>
  );
}
