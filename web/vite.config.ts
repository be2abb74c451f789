import { defineConfig, loadEnv } from "vite";

// CAREBED_HTTP: where `npm run dev` finds a running system; the built page is served by the API process itself.
export default defineConfig(({ mode }) => {
  const api = loadEnv(mode, ".", "CAREBED_")["CAREBED_HTTP"] ?? "http://127.0.0.1:8080";
  return {
    base: "/",
    server: { proxy: { "/api": api } },
    build: {
      outDir: "dist",
      // The page runs under `default-src 'self'`: nothing may be inlined into the document or into a data: address.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      rollupOptions: {
        input: { page: "index.html", "service-worker": "src/push/service-worker.ts" },
        output: {
          // A service worker has one address for ever, and at the root, for it serves what is below it.
          entryFileNames: ({ name }) => (name === "service-worker" ? "[name].js" : "assets/[name]-[hash].js"),
        },
      },
      sourcemap: true,
      target: "es2022",
      cssTarget: ["chrome123", "firefox120", "safari17.5"],
    },
  };
});
