import { useEffect, useState } from "preact/hooks";

/** Where the console is: "#/documents/ID?span=3-9" is { page: "documents", id: "ID", query }. */
export type Route = { page: string; id?: string; query: URLSearchParams };

export function readRoute(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [page = "", id] = path.split("/");
  return { page: page || "chat", id: id === undefined ? undefined : decodeURIComponent(id), query: new URLSearchParams(query) };
}

export function useRoute(): Route {
  const [route, setRoute] = useState(() => readRoute(location.hash));
  useEffect(() => {
    const changed = () => setRoute(readRoute(location.hash));
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return route;
}
