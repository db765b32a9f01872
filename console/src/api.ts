import { EventReader } from "./events";
import type { Span } from "./text";

export type Source = {
  index: number; document_id: string; source: string; title: string; title_path?: string;
  page?: number | null; quote?: string; text?: string; span: Span; score?: number; supported?: boolean;
};
export type Hit = {
  document_id: string; source: string; title: string; title_path?: string; page?: number | null; text: string; span: Span;
  scores: { dense?: number | null; bm25?: number | null; fused?: number | null; rerank?: number | null };
};
export type SearchReply = { hits: Hit[]; warnings?: string[]; timings_ms?: Record<string, number> };
export type DocumentRow = {
  id: string; collection: string; source: string; title: string; mime: string; bytes: number; chunks: number; updated: string;
};
export type Job = {
  id: string; document_id: string; source: string; collection: string; state: string;
  progress: { done: number; total: number }; error?: string | null; warnings?: string[];
};
export type Config = { version: string; auth_required: boolean; [key: string]: unknown };

export class ApiError extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

const KEY = "opaline-key";
export const apiKey = {
  get: () => sessionStorage.getItem(KEY) ?? "",
  set: (key: string) => (key ? sessionStorage.setItem(KEY, key) : sessionStorage.removeItem(KEY)),
};

async function call(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  if (apiKey.get()) headers.set("Authorization", `Bearer ${apiKey.get()}`);
  let reply: Response;
  try {
    reply = await fetch(path, { ...init, headers });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "The server cannot be reached. Is it still running?");
  }
  if (!reply.ok) throw new ApiError(reply.status, await reason(reply));
  return reply;
}

async function reason(reply: Response): Promise<string> {
  const text = await reply.text();
  try {
    const body = JSON.parse(text);
    return body?.error?.message ?? (typeof body?.detail === "string" ? body.detail : text);
  } catch {
    return `The server answered with status ${reply.status}.`;
  }
}

const json = (body: unknown, signal?: AbortSignal): RequestInit => ({
  method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" }, signal,
});

export const config = async (): Promise<Config> => (await call("/v1/config")).json();
export const documents = async (): Promise<DocumentRow[]> => (await (await call("/v1/documents?limit=10000")).json()).documents;
export const jobs = async (): Promise<Job[]> => (await (await call("/v1/jobs?limit=200")).json()).jobs;
export const search = async (body: { query: string; k: number; mode: string }): Promise<SearchReply> =>
  (await call("/v1/search", json(body))).json();
export const documentText = async (id: string): Promise<{ document: DocumentRow; text: string }> =>
  (await call(`/v1/documents/${encodeURIComponent(id)}/text`)).json();
export const deleteDocument = (id: string) => call(`/v1/documents/${encodeURIComponent(id)}`, { method: "DELETE" });
export const actOnJob = (id: string, action: "retry" | "cancel") =>
  call(`/v1/jobs/${encodeURIComponent(id)}/${action}`, { method: "POST" });

export async function upload(files: { file: File; name: string }[]): Promise<Job[]> {
  const form = new FormData();
  for (const { file, name } of files) form.append("files", file, name);
  return (await (await call("/v1/dataprep/ingest", { method: "POST", body: form })).json()).jobs;
}

export type ChatEvent = { text?: string; sources?: Source[]; declined?: boolean };

/** Streams an answer. Ends when the server is done; throws ApiError, or AbortError when stopped. */
export async function* chat(messages: { role: string; content: string }[], signal: AbortSignal): AsyncGenerator<ChatEvent> {
  const reply = await call("/v1/chat/completions", json({ messages, stream: true }, signal));
  const reader = reply.body!.pipeThrough(new TextDecoderStream()).getReader();
  const events = new EventReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      for (const data of events.feed(value)) {
        if (data === "[DONE]") return;
        const chunk = JSON.parse(data);
        if (chunk.error) throw new ApiError(500, chunk.error.message);
        const text = chunk.choices?.[0]?.delta?.content;
        if (text) yield { text };
        if (chunk.sources) yield { sources: chunk.sources, declined: chunk.declined };
      }
    }
  } finally {
    void reader.cancel().catch(() => undefined);
  }
}
