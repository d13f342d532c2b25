/**
 * For a test of something that people wait for, such as a signal that ends a pack within a second: a busy machine may
 * be slow once, a defect is slow every time.
 */
export const busyMachine = { retry: 4 } as const;
