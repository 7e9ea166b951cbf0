import { configDefaults, defineConfig } from "vitest/config";

/** What starts a relay or a browser; `make check` leaves it out. */
const PROCESS = ["test/session.test.ts", "test/ui-browser.test.ts"];

export default defineConfig({
  test: {
    environment: "node",
    testTimeout: 60_000, // a busy machine makes no test fail
    projects: [
      {
        extends: true,
        test: {
          name: "pure",
          include: ["test/**/*.test.ts"],
          exclude: [...configDefaults.exclude, ...PROCESS],
        },
      },
      { extends: true, test: { name: "process", include: PROCESS } },
    ],
  },
});
