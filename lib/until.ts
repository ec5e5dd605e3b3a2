import { FanwireError } from './errors.js'

/**
 * Resolves once `holds` does. Until then a check stands in `checks`, for the owner to call whenever something has
 * changed. Rejects with the signal's reason, or with `CLOSED` when the owner closes first.
 */
export function until(
  checks: Set<() => void>,
  holds: () => boolean,
  closed: () => boolean,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = () => {
      checks.delete(check)
      signal?.removeEventListener('abort', abort)
    }
    const abort = () => {
      leave()
      reject(signal?.reason)
    }
    const check = () => {
      if (holds()) {
        leave()
        resolve()
      } else if (closed()) {
        leave()
        reject(new FanwireError('CLOSED', 'closed while waiting'))
      }
    }
    if (signal?.aborted) {
      reject(signal.reason)
      return
    }
    signal?.addEventListener('abort', abort)
    checks.add(check)
    check()
  })
}
