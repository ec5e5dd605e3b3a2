import type { Authenticate, Credentials, Verdict } from '../../lib/authentication.js'
import { CurveClient, CurveServer } from '../../lib/framing/zmtp/curve.js'
import { KEY_SIZE } from '../../lib/framing/zmtp/curve-crypto.js'
import { PLAIN_MAX, PlainClient, PlainServer } from '../../lib/framing/zmtp/plain.js'
import { badOption, callback, type OptionRule, type OptionsOf, oneOf } from '../../lib/options.js'
import type { Platform } from '../../lib/platform.js'
import { Secret } from '../../lib/secret.js'
import type { Admission } from '../../lib/session/gate.js'
import { clientKeysRule, publicKeyRule, secretKeyRule } from './keys.js'
import { loadNacl } from './nacl.js'
import { secretText, shortText } from './texts.js'

/** How peers prove who they are, over anything that speaks ZMTP. Which of the two ends listens makes no difference. */
export interface SecurityOptions {
  /** Asks peers for a name and a password (`'server'`), or has them (`'client'`). They travel in the clear. @default neither */
  readonly plain?: 'client' | 'server' | undefined
  /** With `plain: 'client'`: the name, at most 255 bytes. */
  readonly username?: string | undefined
  /** With `plain: 'client'`: the password, at most 255 bytes. In a URL the name of a file that has it. */
  readonly password?: string | undefined
  /**
   * Encrypts, and knows peers by their keys. A client knows the key of its server beforehand. Needs `@noble/curves` and
   * `@noble/ciphers`. @default neither
   */
  readonly curve?: 'client' | 'server' | undefined
  /**
   * With `curve`: this end's secret key, 40 characters of Z85 or 32 bytes. In a URL the name of a file, as `fanwire
   * keygen` prints it. @default for a client one that is made for this end
   */
  readonly secretKey?: string | Uint8Array | undefined
  /** With `curve: 'client'`: the server's public key; in a URL the name of a file. */
  readonly serverKey?: string | Uint8Array | undefined
  /**
   * With `curve: 'server'`: the public keys of the clients that are let in, or `'any'` for whoever knows the server's. In
   * a URL `any` or the name of a file with a key on each line.
   */
  readonly clientKeys?: 'any' | readonly (string | Uint8Array)[] | undefined
  /** Decides about each peer, after what else decides: a function of what it has told and proved. */
  readonly authenticate?: Authenticate | undefined
}

export const securityOptions = {
  plain: oneOf(['client', 'server']),
  username: shortText(PLAIN_MAX),
  password: secretText('password', PLAIN_MAX),
  curve: oneOf(['client', 'server']),
  secretKey: secretKeyRule('secretKey'),
  serverKey: publicKeyRule('serverKey'),
  clientKeys: clientKeysRule('clientKeys'),
  authenticate: callback<Authenticate>(),
} satisfies Record<keyof SecurityOptions, OptionRule>

export type SecuritySettings = OptionsOf<typeof securityOptions>

/**
 * How the peers of an end are let in; undefined where everybody is, and nothing has to be said about it.
 *
 * @throws {FanwireError} `BAD_OPTION` for options that make no sense together
 */
export async function admissionOf(options: SecuritySettings, platform: Platform): Promise<Admission | undefined> {
  checkTogether(options)
  const { plain, curve, authenticate } = options
  if (plain !== undefined) return plainAdmission(plain, options, platform)
  if (curve !== undefined) return await curveAdmission(curve, options, platform)
  return authenticate === undefined ? undefined : { mechanism: 'NULL', asServer: false, authenticate }
}

function plainAdmission(role: 'client' | 'server', options: SecuritySettings, platform: Platform): Admission {
  const { authenticate } = options
  const asServer = role === 'server'
  const common = { mechanism: 'PLAIN', asServer, authenticate } as const
  const readText = (bytes: Uint8Array) =>
    platform.readText(platform.view(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length)
  if (asServer) return { ...common, handshake: (metadata) => new PlainServer(metadata, readText) }
  const username = Buffer.from(options.username as string)
  const password = options.password as Secret<string>
  return { ...common, handshake: (metadata) => new PlainClient(username, Buffer.from(password.reveal()), metadata) }
}

async function curveAdmission(
  role: 'client' | 'server',
  options: SecuritySettings,
  platform: Platform,
): Promise<Admission> {
  const { serverKey, clientKeys, authenticate } = options
  const asServer = role === 'server'
  const nacl = await loadNacl()
  const means = { nacl, random: (target: Uint8Array) => platform.random(target) }
  const secretKey = options.secretKey ?? new Secret(platform.random(new Uint8Array(KEY_SIZE)))
  const publicKey = nacl.publicKey(secretKey.reveal())
  const own = () => ({ publicKey, secretKey: secretKey.reveal() })
  const common = { mechanism: 'CURVE', asServer } as const
  if (asServer) {
    return {
      ...common,
      handshake: (metadata) => new CurveServer(means, own(), metadata),
      authenticate: clientKeys === undefined || clientKeys === 'any' ? authenticate : among(clientKeys, authenticate),
    }
  }
  const server = serverKey as Uint8Array
  try {
    nacl.sharedKey(server, secretKey.reveal())
  } catch {
    throw badOption('serverKey is no key of CURVE')
  }
  return { ...common, authenticate, handshake: (metadata) => new CurveClient(means, server, own(), metadata) }
}

function among(keys: ReadonlySet<string>, authenticate: Authenticate | undefined): Authenticate {
  return (credentials: Credentials): Verdict | Promise<Verdict> => {
    if (!keys.has(credentials.publicKey ?? '')) return false
    return authenticate === undefined ? true : authenticate(credentials)
  }
}

/** Each option is needed by one role or by none, and where it would do nothing it was meant for something else. */
function checkTogether(options: SecuritySettings): void {
  const { plain, curve, authenticate, clientKeys } = options
  if (plain !== undefined && curve !== undefined) {
    throw badOption('plain and curve exclude each other: a connection has one mechanism')
  }
  const isPlainClient = plain === 'client'
  const isCurveClient = curve === 'client'
  need(options, 'username', "plain: 'client'", isPlainClient, isPlainClient)
  need(options, 'password', "plain: 'client'", isPlainClient, isPlainClient)
  need(options, 'serverKey', "curve: 'client'", isCurveClient, isCurveClient)
  need(options, 'secretKey', 'curve', curve !== undefined, curve === 'server')
  need(options, 'clientKeys', "curve: 'server'", curve === 'server', false)
  if (plain === 'server' && authenticate === undefined) {
    throw badOption("plain: 'server' needs authenticate, which decides about names and passwords")
  }
  if (curve === 'server' && clientKeys === undefined && authenticate === undefined) {
    throw badOption("curve: 'server' needs clientKeys or authenticate; clientKeys: 'any' lets everybody in")
  }
}

function need(
  options: SecuritySettings,
  name: keyof SecurityOptions,
  role: string,
  isUseful: boolean,
  isNeeded: boolean,
): void {
  const isGiven = options[name] !== undefined
  if (isGiven && !isUseful) throw badOption(`${name} is of no use without ${role}`)
  if (!isGiven && isNeeded) throw badOption(`${role === 'curve' ? "curve: 'server'" : role} needs ${name}`)
}
