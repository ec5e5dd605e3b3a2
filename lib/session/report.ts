import { FanwireError } from '../errors.js'
import type { Context } from '../transport.js'

/**
 * Reports why a link is cut. What is not a FanwireError is a mistake of this package, which a peer has brought to light:
 * it costs that link and no more, and is told with its cause.
 *
 * @param what says it in such a case: 'cannot understand the peer'
 * @returns the reason to cut the link with
 */
export function reportFailure(context: Context, remote: string, error: unknown, what: string): FanwireError {
  if (error instanceof FanwireError) {
    const { code, message, cause } = error
    context.fault({ code, message, remote, ...(cause !== undefined && { cause }) })
    return error
  }
  const reason = new FanwireError('BAD_PEER', `${what}: ${error}`, { cause: error })
  context.fault({ code: reason.code, message: reason.message, remote, cause: error })
  return reason
}
