// Runs pytest under the CPython that the npm package "pyodide" brings, without a browser.
//
// Usage: node run.mjs PYODIDE CHECKOUT PACKAGES [PYTEST ARGUMENTS]
// The three are folders: of the npm package, of flowpack's checkout, and of what pip installed.
// `python -m tests.pyodide` starts this with the right ones.

import { writeSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { Worker, isMainThread } from "node:worker_threads";

const [pyodide, checkout, packages, ...pytestArguments] = process.argv.slice(2);

function startWithLargeStack() {
  // Python calls that nest deeply need more than the stack of the main thread.
  const worker = new Worker(new URL(import.meta.url), {
    argv: process.argv.slice(2),
    resourceLimits: { stackSizeMb: 200, maxOldGenerationSizeMb: 3000 },
  });
  worker.on("exit", (status) => process.exit(status));
}

function writeTo(descriptor) {
  return { isatty: false, write: (bytes) => writeSync(descriptor, bytes) };
}

async function runTests() {
  const { loadPyodide } = await import(pathToFileURL(`${pyodide}/pyodide.mjs`));
  const profile = process.env.HYPOTHESIS_PROFILE ?? "normal";
  const python = await loadPyodide({
    env: { HOME: "/home/pyodide", HYPOTHESIS_PROFILE: profile, PYTHONDONTWRITEBYTECODE: "1" },
  });
  python.setStdin({ stdin: () => null });
  python.setStdout(writeTo(1));
  python.setStderr(writeTo(2));
  python.mountNodeFS("/checkout", checkout);
  python.mountNodeFS("/packages", packages);
  python.FS.chdir("/checkout");
  const main = python.runPython(`
import sys

def main(arguments):
    sys.path[:0] = ["/checkout", "/packages"]
    import pytest

    print("Python", sys.version.split()[0], "on", sys.platform)
    # No thread can watch for tests that hang, and the checkout stays as it is.
    settings = ["-o", "faulthandler_timeout=0", "-p", "no:cacheprovider"]
    return int(pytest.main([*settings, *arguments]))

main
`);
  process.exit(main(python.toPy(pytestArguments)));
}

if (isMainThread) {
  startWithLargeStack();
} else {
  await runTests();
}
