// CPU time of this process for one operation, as a mean over many: what other processes take does not count, garbage collection does.

/** Microseconds of user and system time. */
export function cpuMicroseconds(operation: () => void, times: number): number {
  const before = process.cpuUsage();
  for (let n = 0; n < times; n += 1) operation();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / times;
}
