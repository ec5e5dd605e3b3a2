import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { type Test, test } from 'tap'
import { createConsumer, createProducer, decodeZ85 } from '../../../lib/index.js'
import { checkOptions } from '../../../lib/options.js'
import type { Secret } from '../../../lib/secret.js'
import { securityOptions } from '../../../transports/stream/security.js'
import { clientKeys, serverKeys } from '../../support/curve-keys.js'

const check = (options: object, query?: Readonly<Record<string, string>>) =>
  checkOptions(securityOptions, options, query && new Map(Object.entries(query)), 'a test')

function fileWith(t: Test, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'fanwire-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'file')
  writeFileSync(path, text)
  return path
}

test('options that make no sense together are refused, each with what is missing', async (t) => {
  const { secretKey } = serverKeys
  const serverKey = serverKeys.publicKey
  const authenticate = () => true
  const cases: [options: object, message: RegExp][] = [
    [{ plain: 'client', curve: 'client' }, /plain and curve exclude each other/],
    [{ plain: 'client', username: 'bob' }, /plain: 'client' needs password/],
    [{ plain: 'client', password: 'pw' }, /plain: 'client' needs username/],
    [{ username: 'bob' }, /username is of no use without plain: 'client'/],
    [{ plain: 'server', authenticate, password: 'pw' }, /password is of no use without plain: 'client'/],
    [{ plain: 'server' }, /plain: 'server' needs authenticate/],
    [{ curve: 'client' }, /curve: 'client' needs serverKey/],
    [{ curve: 'client', serverKey: '0'.repeat(40) }, /serverKey is no key of CURVE/],
    [{ curve: 'client', serverKey, clientKeys: 'any' }, /clientKeys is of no use without curve: 'server'/],
    [{ curve: 'server', clientKeys: 'any' }, /curve: 'server' needs secretKey/],
    [{ curve: 'server', secretKey }, /curve: 'server' needs clientKeys or authenticate/],
    [{ curve: 'server', secretKey, serverKey, clientKeys: 'any' }, /serverKey is of no use without curve: 'client'/],
    [{ secretKey }, /secretKey is of no use without curve/],
    [{ curve: 'both' }, /curve must be one of 'client', 'server', got 'both'/],
    [{ authenticate: true }, /authenticate must be a function, got true/],
  ]
  for (const [options, message] of cases) {
    await t.rejects(createProducer('tcp://127.0.0.1:0', options), { code: 'BAD_OPTION', message })
    await t.rejects(createConsumer('ipc:///nowhere/socket', options), { code: 'BAD_OPTION', message })
  }
})

test('keys are Z85 or bytes, and a secret one is not shown when it is none', async (t) => {
  const bytes = decodeZ85(serverKeys.secretKey)
  const secret = (given: unknown) => (check({ secretKey: given }).secretKey as Secret<Uint8Array>).reveal()
  t.strictSame(secret(serverKeys.secretKey), bytes)
  t.strictSame(secret(Buffer.from(bytes)), bytes)
  t.strictSame(check({ serverKey: serverKeys.publicKey }).serverKey, decodeZ85(serverKeys.publicKey))
  for (const wrong of [`${serverKeys.secretKey}0`, `"${serverKeys.secretKey.slice(1)}`, bytes.subarray(1), 7, null]) {
    t.throws(() => check({ secretKey: wrong }), {
      code: 'BAD_OPTION',
      message: '[BAD_OPTION] secretKey must be 40 characters of Z85 or 32 bytes, got another value, not shown here',
    })
    t.throws(() => check({ serverKey: wrong }), { message: /serverKey must be 40 characters of Z85 or 32 bytes, got/ })
    t.throws(() => check({ clientKeys: [clientKeys.publicKey, wrong] }), { message: /clientKeys\[1\] must be 40/ })
  }
  t.throws(() => check({ clientKeys: 'all' }), { message: /clientKeys must be 'any' or an array of keys, got 'all'/ })
})

test('names and passwords have at most 255 bytes, and a password is not shown when it is none', async (t) => {
  t.equal(check({ username: 'é'.repeat(127) }).username?.length, 127)
  t.throws(() => check({ username: 'é'.repeat(128) }), { message: /username must be text of at most 255 bytes/ })
  t.throws(() => check({ password: 'p'.repeat(256) }), {
    message: '[BAD_OPTION] password must be text of at most 255 bytes, got another value, not shown here',
  })
  t.throws(() => check({ password: 1234 }), { message: /not shown here/ })
})

test('what is secret is shown by nothing that prints complete options', async (t) => {
  const options = check({ password: 'hunter2', secretKey: serverKeys.secretKey })
  const shown = `${inspect(options, { depth: 9, showHidden: true })}${JSON.stringify(options)}${options.password}`
  t.notMatch(shown, 'hunter2')
  t.notMatch(shown, serverKeys.secretKey)
  t.match(shown, '[secret]')
})

test('in a URL keys and passwords are files: as keygen prints them, as CZMQ and PyZMQ keep them, or alone', async (t) => {
  const { publicKey, secretKey } = serverKeys
  const files = [
    `public-key = "${publicKey}"\nsecret-key = "${secretKey}"\n`,
    `#   ****  Generated by CZMQ  ****\n\nmetadata\n    name = "x"\ncurve\n    public-key = "${publicKey}"\n    secret-key = "${secretKey}"\n`,
  ]
  for (const text of files) {
    const path = fileWith(t, text)
    t.strictSame((check({}, { secretKey: path }).secretKey as Secret<Uint8Array>).reveal(), decodeZ85(secretKey))
    t.strictSame(check({}, { serverKey: path }).serverKey, decodeZ85(publicKey))
  }
  t.strictSame(check({}, { serverKey: fileWith(t, `${publicKey}\r\n`) }).serverKey, decodeZ85(publicKey))
  t.equal((check({}, { password: fileWith(t, 'p w \n') }).password as Secret<string>).reveal(), 'p w ')

  const list = `# who may\n${publicKey}\n\n  public-key = "${clientKeys.publicKey}"\n`
  t.strictSame(check({}, { clientKeys: fileWith(t, list) }).clientKeys, new Set([publicKey, clientKeys.publicKey]))
  t.equal(check({}, { clientKeys: 'any' }).clientKeys, 'any')

  t.throws(() => check({}, { serverKey: fileWith(t, 'hello') }), { code: 'BAD_OPTION', message: /got 'hello'/ })
  t.throws(() => check({}, { secretKey: fileWith(t, 'hello') }), { code: 'BAD_OPTION', message: /not shown here/ })
  t.throws(() => check({}, { secretKey: '/nowhere' }), {
    code: 'BAD_OPTION',
    message: "[BAD_OPTION] secretKey in a URL names a file, and '/nowhere' cannot be read: ENOENT",
  })
  t.throws(() => check({}, { authenticate: 'yes' }), { message: /authenticate cannot be given in a URL/ })
})
