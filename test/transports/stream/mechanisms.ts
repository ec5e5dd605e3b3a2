import assert from 'node:assert/strict'
import { type Kit, type Subject, testTransport } from '../../../lib/conformance/index.js'
import {
  type ConsumerOptions,
  createConsumer,
  createProducer,
  type ProducerOptions,
  type SecurityOptions,
} from '../../../lib/index.js'
import { zmtp } from '../../../transports/stream/index.js'
import { clientKeys, serverKeys } from '../../support/curve-keys.js'

/** What the two ends of each mechanism take. */
export const mechanisms: Readonly<Record<'PLAIN' | 'CURVE', { server: SecurityOptions; client: SecurityOptions }>> = {
  PLAIN: {
    server: { plain: 'server', authenticate: ({ username, password }) => username === 'bob' && password === 'pw' },
    client: { plain: 'client', username: 'bob', password: 'pw' },
  },
  CURVE: {
    server: { curve: 'server', secretKey: serverKeys.secretKey, clientKeys: [clientKeys.publicKey] },
    client: { curve: 'client', serverKey: serverKeys.publicKey, secretKey: clientKeys.secretKey },
  },
}

/** The suite, over tcp with a mechanism. */
export function testMechanism(
  name: keyof typeof mechanisms,
  test: Kit['test'],
  extent: Pick<Subject, 'seeds' | 'listeners'> = {},
): void {
  const { server, client } = mechanisms[name]
  testTransport(
    {
      test,
      assert,
      createProducer: (url, options: ProducerOptions) => createProducer(url, { ...options, ...server }),
      createConsumer: (url, options: ConsumerOptions) => createConsumer(url, { ...options, ...client }),
    },
    {
      transport: zmtp,
      freshUrl: () => 'tcp://127.0.0.1:0',
      options: { reconnectMinMs: 1, reconnectMaxMs: 50 },
      ...extent,
    },
  )
}
