// The one source of time. Owns nothing but the wish to know the hour or to be woken; everything that needs time is handed a Clock.

/** Stops a timer; harmless after it has fired. */
export type Cancel = () => void;

export interface Clock {
  /** Milliseconds since the Unix epoch. May jump either way: certificates are judged by it, durations are not measured with it. */
  now(): number;
  /** Milliseconds on a clock that never goes back; only differences mean anything. */
  elapsed(): number;
  /** Runs once after `delayMs`. Does not keep the process alive. Delays beyond 2^31-1 ms are cut to that. */
  after(delayMs: number, run: () => void): Cancel;
  /** Runs each `periodMs`. Does not keep the process alive. */
  every(periodMs: number, run: () => void): Cancel;
}

/** Node fires a longer timer at once instead (timers.md, "setTimeout": delay larger than 2147483647 is set to 1). */
const LONGEST_TIMER_MS = 2_147_483_647;

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, Math.min(Math.max(delayMs, 0), LONGEST_TIMER_MS)).unref();
    return () => clearTimeout(timer);
  },
  every: (periodMs, run) => {
    const timer = setInterval(run, Math.min(periodMs, LONGEST_TIMER_MS)).unref();
    return () => clearInterval(timer);
  },
};
