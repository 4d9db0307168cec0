// Waiting for conditions, never for luck.

/** Tries until `attempt` does not throw; throws its last error when the time is over. */
export async function eventually(attempt, milliseconds = 5000) {
  const end = Date.now() + milliseconds;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (error.final || Date.now() > end) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
