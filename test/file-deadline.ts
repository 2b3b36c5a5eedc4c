// Loaded into every process of the test run (package.json, `test`): a test file that has not ended by itself by then has left something open, or
// hangs. Names what is open and fails the file; `--test-timeout` ends single tests only.

/** The slowest file takes under 30 s on two cores; this is for machines ten times as slow. */
const FILE_DEADLINE_MS = 300_000;

if (process.env['NODE_TEST_CONTEXT']?.startsWith('child') === true) {
  setTimeout(() => {
    process.stderr.write(
      `${process.argv[1]} did not end within ${FILE_DEADLINE_MS / 1_000} s; open: ${process.getActiveResourcesInfo().join(', ')}\n`,
    );
    process.exit(1);
  }, FILE_DEADLINE_MS).unref();
}
