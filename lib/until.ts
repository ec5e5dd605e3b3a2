import { FanwireError } from './errors.js'

/**
 * Resolves once `holds` does. Until then a check stands in `checks`, for the owner to call whenever something has
 * changed. Rejects with the signal's reason, with what `holds` throws, or with `CLOSED` when the owner closes first.
 */
export function until(
  checks: Set<() => void>,
  holds: () => boolean,
  closed: () => boolean,
  owner: 'producer' | 'consumer',
  signal: AbortSignal | undefined,
): Promise<void> {
  let waited = false
  return new Promise((resolve, reject) => {
    const leave = () => {
      checks.delete(check)
      signal?.removeEventListener('abort', abort)
    }
    const fail = (reason: unknown) => {
      leave()
      reject(reason)
    }
    const abort = () => fail(signal?.reason)
    const check = () => {
      try {
        if (holds()) {
          leave()
          resolve()
        } else if (closed()) {
          fail(new FanwireError('CLOSED', waited ? `the ${owner} was closed meanwhile` : `the ${owner} is closed`))
        }
      } catch (error) {
        fail(error)
      }
    }
    if (signal?.aborted) {
      reject(signal.reason)
      return
    }
    signal?.addEventListener('abort', abort)
    checks.add(check)
    check()
    waited = true
  })
}
