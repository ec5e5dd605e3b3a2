import { CurveClient, CurveServer } from '../../../../lib/framing/zmtp/curve.js'
import type { KeyPair } from '../../../../lib/framing/zmtp/curve-crypto.js'
import { FrameReader } from '../../../../lib/framing/zmtp/frame-reader.js'
import { writeMetadata } from '../../../../lib/framing/zmtp/handshake.js'
import type { Step } from '../../../../lib/framing/zmtp/mechanism.js'
import { decodeZ85 } from '../../../../lib/framing/zmtp/z85.js'
import { loadNacl } from '../../../../transports/stream/nacl.js'
import { clientKeys, serverKeys } from '../../../support/curve-keys.js'

export const nacl = await loadNacl()

export const serverPair = pairOf(serverKeys)
export const clientPair = pairOf(clientKeys)

export interface Choice {
  readonly own?: KeyPair
  readonly serverKey?: Uint8Array
  readonly type?: string
  /** Where its random bytes begin to count. */
  readonly start?: number
}

export function curveClient({ own = clientPair, serverKey = serverPair.publicKey, type = 'SUB', start }: Choice = {}) {
  return new CurveClient({ nacl, random: filling(start) }, serverKey, own, writeMetadata(type))
}

export function curveServer({ own = serverPair, type = 'PUB', start = 100 }: Choice = {}) {
  return new CurveServer({ nacl, random: filling(start) }, own, writeMetadata(type))
}

/** Both sides after their handshake. */
export function linked(): { client: CurveClient; server: CurveServer; received: Step; accepted: Step } {
  const client = curveClient()
  const server = curveServer()
  const welcome = wordsOf(server.receive(bodyOf(client.begin())))
  server.receive(wordsOf(client.receive(welcome)))
  const accepted = server.accepted()
  const received = client.receive(wordsOf(accepted))
  return { client, server, received, accepted }
}

/** The body of the command that a step says. */
export function wordsOf(step: Step): Uint8Array {
  if (!('words' in step)) throw new Error(`nothing is said: ${step.kind}`)
  return bodyOf(step.words)
}

export function bodyOf(command: Uint8Array): Uint8Array {
  const reader = new FrameReader(1 << 25)
  reader.push(command)
  const { body } = reader.next() ?? {}
  if (body === undefined) throw new Error('no whole frame')
  return body
}

/** Random bytes that count: 1, 2, 3 and so on. */
export function filling(start = 0): (target: Uint8Array) => Uint8Array {
  let last = start
  return (target) => {
    for (let i = 0; i < target.length; i++) target[i] = ++last & 0xff
    return target
  }
}

function pairOf({ publicKey, secretKey }: { readonly publicKey: string; readonly secretKey: string }): KeyPair {
  return { publicKey: decodeZ85(publicKey), secretKey: decodeZ85(secretKey) }
}
