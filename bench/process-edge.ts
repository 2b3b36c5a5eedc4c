// What each process of a bench does at its edge: says where it listens, and what it has used so far.

export function reportTo(parent: NodeJS.Process, port: number): void {
  parent.on('message', (asked: { ask: string; collectGarbage: boolean }) => {
    if (asked.collectGarbage) globalThis.gc?.();
    const { user, system } = parent.cpuUsage();
    parent.send?.({ cpuMicroseconds: user + system, rssBytes: parent.memoryUsage.rss() });
  });
  parent.on('disconnect', () => parent.exit(0));
  parent.send?.({ port });
}
