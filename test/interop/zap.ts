import type { Test } from 'tap'
import { Reply } from 'zeromq'

export const DOMAIN = 'fanwire'

/** Who may in, of those whom zeromq's sockets of `DOMAIN` ask about: there is one such place in a process. */
export async function openZap(
  t: Test,
  wanted: (mechanism: string, ...credentials: Buffer[]) => boolean,
): Promise<void> {
  const reply = new Reply({ linger: 0 })
  await reply.bind('inproc://zeromq.zap.01')
  void answer(reply, wanted)
  t.teardown(() => reply.close())
}

/** The ZeroMQ authentication protocol, RFC 27. */
async function answer(reply: Reply, wanted: (mechanism: string, ...credentials: Buffer[]) => boolean): Promise<void> {
  for await (const [version, id, , , , mechanism, ...credentials] of reply) {
    const status = wanted(`${mechanism}`, ...credentials) ? ['200', 'OK'] : ['400', 'No']
    await reply.send([version ?? '', id ?? '', ...status, '', ''])
  }
}
