import { badPeer, readAscii } from './bytes.js'
import { command, commandName } from './frame.js'
import { readError } from './handshake.js'
import type { Handshake, Step } from './mechanism.js'

/** What the mechanism's length bytes can count. */
export const PLAIN_MAX = 255

/** libzmq's PLAIN server misspells ERROR: a digit of an escape has swallowed the length of the name, and the E. */
const MISSPELT = '^RROR'

/**
 * Proves who it is by a password in the clear.
 *
 *     client   "HELLO", username-length u8, username, password-length u8, password
 *     server   "WELCOME"
 *     client   "INITIATE", metadata
 *     server   "READY", metadata
 *
 * @see https://rfc.zeromq.org/spec/24
 */
export class PlainClient implements Handshake {
  readonly mechanism = 'PLAIN'
  readonly asServer = false
  #expected: 'WELCOME' | 'READY' | undefined = 'WELCOME'
  readonly #hello: Uint8Array

  /**
   * @param username as UTF-8, at most 255 bytes, as is the password
   * @param metadata this end's
   */
  constructor(
    username: Uint8Array,
    password: Uint8Array,
    private readonly metadata: Uint8Array,
  ) {
    const data = new Uint8Array(2 + username.length + password.length)
    data[0] = username.length
    data.set(username, 1)
    data[1 + username.length] = password.length
    data.set(password, 2 + username.length)
    this.#hello = command('HELLO', data)
  }

  begin(): Uint8Array {
    return this.#hello
  }

  receive(body: Uint8Array): Step {
    if (readAscii(body, 0, Math.min(body.length, MISSPELT.length)) === MISSPELT) {
      return { kind: 'refused', reason: readError(body.subarray(MISSPELT.length)) }
    }
    const name = commandName(body, 0, body.length)
    const data = body.subarray(1 + name.length)
    if (name === 'ERROR') return { kind: 'refused', reason: readError(data) }
    if (name !== this.#expected) throw unexpected(name, this.#expected)
    if (name === 'WELCOME') {
      if (data.length > 0) throw badPeer(`peer sent a WELCOME with ${data.length} bytes of data, it has none`)
      this.#expected = 'READY'
      return { kind: 'answer', words: command('INITIATE', this.metadata) }
    }
    this.#expected = undefined
    return { kind: 'done', words: NOTHING, metadata: data }
  }

  accepted(): Step {
    throw new Error('a client is told of no claim')
  }

  traffic(): undefined {}
}

/** Asks for a password. */
export class PlainServer implements Handshake {
  readonly mechanism = 'PLAIN'
  readonly asServer = true
  #expected: 'HELLO' | 'INITIATE' | undefined = 'HELLO'

  /**
   * @param metadata this end's
   * @param readText reads UTF-8
   */
  constructor(
    private readonly metadata: Uint8Array,
    private readonly readText: (bytes: Uint8Array) => string,
  ) {}

  begin(): Uint8Array {
    return NOTHING
  }

  receive(body: Uint8Array): Step {
    const name = commandName(body, 0, body.length)
    const data = body.subarray(1 + name.length)
    if (name === 'ERROR') return { kind: 'refused', reason: readError(data) }
    if (name !== this.#expected) throw unexpected(name, this.#expected)
    this.#expected = undefined
    if (name === 'INITIATE') return { kind: 'done', words: command('READY', this.metadata), metadata: data }
    const usernameEnd = 1 + (data[0] ?? 0)
    const passwordEnd = usernameEnd + 1 + (data[usernameEnd] ?? 0)
    if (usernameEnd >= data.length || passwordEnd !== data.length) {
      throw badPeer(`peer sent a HELLO of ${body.length} bytes, which its username and password do not fill`)
    }
    const username = this.readText(data.subarray(1, usernameEnd))
    const password = this.readText(data.subarray(usernameEnd + 1, passwordEnd))
    return { kind: 'claim', claim: { username, password } }
  }

  accepted(): Step {
    this.#expected = 'INITIATE'
    return { kind: 'answer', words: command('WELCOME') }
  }

  traffic(): undefined {}
}

const NOTHING = new Uint8Array(0)

/** What a peer says that has not kept to the order of a handshake. Two clients are the mistake that is made most. */
export function unexpected(name: string, expected: string | undefined): Error {
  const shown = name.slice(0, 32).replace(/[^\x20-\x7e]/g, '?')
  if (expected === undefined) return badPeer(`peer sent ${shown} where nothing was expected`)
  const why = name === 'HELLO' && expected === 'WELCOME' ? ': both ends are clients of the mechanism' : ''
  return badPeer(`peer sent ${shown} where ${expected} was expected${why}`)
}
