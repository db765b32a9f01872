import { expect, test } from "vitest";
import { readRoute } from "./route";

test("reads page, id and query", () => {
  expect(readRoute("").page).toBe("chat");
  expect(readRoute("#/search").page).toBe("search");
  const route = readRoute("#/documents/a%2Fb?span=3-9");
  expect(route.id).toBe("a/b");
  expect(route.query.get("span")).toBe("3-9");
});
