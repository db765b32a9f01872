import { defineConfig } from "vite";

// Built into dist/ and embedded into the binary. No inline scripts, styles or data: URLs: the Content-Security-Policy forbids them.
export default defineConfig({
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false }, cssCodeSplit: false },
  server: { proxy: Object.fromEntries(["/v1", "/query", "/readyz"].map((path) => [path, "http://127.0.0.1:8080"])) },
});
