// Runs pytest under the CPython that the npm package "pyodide" brings, compiled to WebAssembly.
//
// Usage: node run.mjs PYODIDE PACKAGES [PYTEST ARGUMENTS]
// PYODIDE is the folder of the npm package, PACKAGES the site-packages of an environment with
// flowpack's extra "test". Of these only what is pure Python loads. Without arguments, the suites
// run that need few threads, processes and sockets; what needs them is skipped and says so.

import { writeSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Worker, isMainThread } from "node:worker_threads";

const SUITES = [
  "tests/analysis",
  "tests/deployments/test_actions.py",
  "tests/deployments/test_documents.py",
  "tests/deployments/test_job_variables.py",
  "tests/deployments/test_load.py",
  "tests/deployments/test_masking.py",
  "tests/deployments/test_planning.py",
  "tests/deployments/test_pools.py",
  "tests/deployments/test_schedules.py",
  "tests/deployments/test_selection.py",
  "tests/deployments/test_spec.py",
  "tests/deployments/test_templating.py",
  "tests/packaging",
  "tests/projects/test_closure.py",
  "tests/projects/test_search_path.py",
  "tests/projects/test_single.py",
  "tests/wire",
  "tests/test_arguments.py",
  "tests/test_exceptions.py",
  "tests/test_flow_runners.py",
  "tests/test_flows.py",
  "tests/test_jsonvalues.py",
  "tests/test_models.py",
  "tests/test_parameters.py",
  "tests/test_schedules.py",
  "tests/test_urls.py",
  "tests/test_validators.py",
];

const [pyodide, packages, ...pytestArguments] = process.argv.slice(2);

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
  const { loadPyodide } = await import(pathToFileURL(resolve(pyodide, "pyodide.mjs")));
  const profile = process.env.HYPOTHESIS_PROFILE ?? "normal";
  const python = await loadPyodide({ env: { HOME: "/tmp", HYPOTHESIS_PROFILE: profile } });
  python.setStdin({ stdin: () => null });
  python.setStdout(writeTo(1));
  python.setStderr(writeTo(2));
  python.mountNodeFS("/checkout", fileURLToPath(new URL("../..", import.meta.url)));
  python.mountNodeFS("/packages", resolve(packages));
  python.FS.chdir("/checkout");
  const main = python.runPython(`
import sys

def main(arguments):
    sys.path[:0] = ["/checkout", "/packages"]
    import pytest

    print("Python", sys.version.split()[0], "on", sys.platform)
    # No thread can watch for tests that hang.
    settings = ["-p", "tests.pyodide.refusals", "-o", "faulthandler_timeout=0"]
    return int(pytest.main([*settings, *arguments]))

main
`);
  const chosen = pytestArguments.length > 0 ? pytestArguments : SUITES;
  process.exit(main(python.toPy(chosen)));
}

if (isMainThread) {
  startWithLargeStack();
} else {
  await runTests();
}
